"""``python -m local.openapi``: writes the API's OpenAPI document, for reading (docs/) and for serving (the package)."""

import importlib
import json
import pkgutil
import re
from pathlib import Path

import tandem.domain
import tandem.services
from tandem.domain.errors import AppError
from tandem.rest.app import Endpoint
from tandem.rest.openapi_document import Operation, openapi_document

import functions.api

PROJECT = Path(__file__).resolve().parent.parent
DOCUMENTS = (PROJECT / "docs" / "openapi.json", PROJECT / "shared" / "tandem" / "rest" / "openapi.json")

_FIRST_LINE = re.compile(r"(?P<methods>GET|POST|GET or POST) (?P<path>/\S+): (?P<summary>.+)")


def operations() -> list[Operation]:
    """Every operation; the first line of a handler's module says its methods, its path, and what it is for."""
    found = []
    for module in sorted(pkgutil.iter_modules(functions.api.__path__), key=lambda each: each.name):
        loaded = importlib.import_module(f"functions.api.{module.name}")
        said = _FIRST_LINE.match(loaded.__doc__ or "")
        if said is None or not isinstance(loaded.handler, Endpoint):
            raise ValueError(f"functions/api/{module.name}.py does not begin as an endpoint does")
        for method in said["methods"].split(" or "):
            found.append(Operation(method, said["path"], module.name, said["summary"], loaded.handler))
    return found


def error_codes() -> set[str]:
    """The closed list of ``error.code``."""
    for package in (tandem.domain, tandem.services):
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
    waiting: list[type[AppError]] = [AppError]
    codes = set()
    while waiting:
        kind = waiting.pop()
        # Others may be loaded in this process (adapters, triggers); no handler's answer carries their codes.
        if kind.__module__.startswith(("tandem.domain.", "tandem.services.")):
            codes.add(kind.code)
        waiting.extend(kind.__subclasses__())
    return codes


def document_text() -> str:
    """The document as it should stand in each of ``DOCUMENTS``."""
    document = openapi_document(operations(), error_codes(), version="1.0.0")
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=False) + "\n"


def main() -> None:
    for path in DOCUMENTS:
        waiting = path.with_suffix(".json.new")
        waiting.write_text(document_text(), encoding="utf-8")
        waiting.replace(path)


if __name__ == "__main__":
    main()
