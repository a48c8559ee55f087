"""GET /openapi.json: the description of this API; asks for no identity."""

from tandem.rest.app import JSON_TYPE, Call, WholeAnswer, endpoint
from tandem.rest.openapi import served_document
from tandem.rest.parameters import Parameters


@endpoint(Parameters, needs_identity=False, content_type=JSON_TYPE)
def handler(call: Call[Parameters]) -> WholeAnswer:
    return WholeAnswer(served_document())
