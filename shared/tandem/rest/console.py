"""The console's files: parameters, types, policy."""

from collections.abc import Sequence

from tandem.domain.pages import ConsolePart
from tandem.rest.parameters import Parameters

CONTENT_TYPES = {
    ConsolePart.PAGE: "text/html; charset=utf-8",
    ConsolePart.STYLE: "text/css; charset=utf-8",
    ConsolePart.CHARTS: "text/javascript; charset=utf-8",
    ConsolePart.SCRIPT: "text/javascript; charset=utf-8",
}


def policy(store_origins: Sequence[str]) -> str:
    """What the page may do: call our API, and send large files to the store by pre-signed requests."""
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' {' '.join(store_origins)}; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


class ConsoleFile(Parameters):
    """Which file of the console is meant."""

    part: ConsolePart = ConsolePart.PAGE
