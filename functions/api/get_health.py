"""GET /health: whether database and engine can be reached; asks for no identity."""

from tandem.bootstrap import application
from tandem.domain.errors import NotHealthy
from tandem.rest.app import Call, endpoint
from tandem.rest.health import HealthView
from tandem.rest.parameters import Parameters


@endpoint(Parameters, errors=[NotHealthy], needs_identity=False)
def handler(call: Call[Parameters]) -> HealthView:
    engines = application().check_health()
    return HealthView(status="UP", database="UP", engine="UP", engines=dict.fromkeys(engines, "UP"))
