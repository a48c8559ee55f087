"""GET /health: that the API answers; asks for no identity, and touches nothing behind the API."""

from tandem.domain.errors import AppError
from tandem.rest.app import Call, endpoint
from tandem.rest.health import LivenessView
from tandem.rest.parameters import Parameters

_NONE: list[type[AppError]] = []


@endpoint(Parameters, errors=_NONE, needs_identity=False)
def handler(call: Call[Parameters]) -> LivenessView:
    return LivenessView(status="UP")
