"""GET /GetSystemHealth: whether the database and every engine can be reached."""

from tandem.bootstrap import application
from tandem.domain.errors import NotHealthy
from tandem.rest.app import Call, endpoint
from tandem.rest.health import SystemHealthView
from tandem.rest.parameters import Parameters


@endpoint(Parameters, errors=[NotHealthy])
def handler(call: Call[Parameters]) -> SystemHealthView:
    engines = application().check_health()
    return SystemHealthView(status="UP", database="UP", engine="UP", engines=dict.fromkeys(engines, "UP"))
