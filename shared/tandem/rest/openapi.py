"""The OpenAPI document as it is served: generated beforehand (``python -m local.openapi``) and shipped beside this."""

from functools import cache
from importlib.resources import files

DOCUMENT = "openapi.json"


@cache
def served_document() -> str:
    """The document's text."""
    return files("tandem.rest").joinpath(DOCUMENT).read_text(encoding="utf-8")
