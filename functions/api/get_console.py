"""GET /console: the console, a static page that asks for no identity; each call that it makes does."""

from tandem.bootstrap import application
from tandem.domain.pages import ConsolePart
from tandem.rest.app import Call, WholeAnswer, endpoint
from tandem.rest.console import CONTENT_TYPES, ConsoleFile, policy


@endpoint(ConsoleFile, needs_identity=False, content_type=CONTENT_TYPES[ConsolePart.PAGE])
def handler(call: Call[ConsoleFile]) -> WholeAnswer:
    part = call.parameters.part
    allowed = policy(application().settings.store_origins)
    headers = {"content-type": CONTENT_TYPES[part], "content-security-policy": allowed}
    return WholeAnswer(application().console_file(part), headers)
