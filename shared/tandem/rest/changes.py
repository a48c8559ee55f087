"""What an update changes: a field that was cleared goes back to its default."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any


def with_defaults(kind: type[Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes with the default of the dataclass's field in the place of each None."""
    defaults: dict[str, Any] = {}
    for each in fields(kind):
        if each.default is not MISSING:
            defaults[each.name] = each.default
        elif each.default_factory is not MISSING:
            defaults[each.name] = each.default_factory()
    return {name: defaults.get(name) if value is None else value for name, value in changes.items()}
