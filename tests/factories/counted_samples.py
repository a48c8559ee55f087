"""Counted samples in a form in which two of them can be compared."""

from dataclasses import fields
from typing import Any

from tandem.domain.samples import CountedSamples, Group


def plain(counted: CountedSamples) -> dict[str, Any]:
    """A result in which sequences compare by their values."""

    def group(value: Group) -> dict[str, Any]:
        found = {field.name: getattr(value, field.name) for field in fields(value)}
        return {**found, "elapsed": list(value.elapsed), "counts": list(value.counts)}

    def shown(value: object) -> object:
        if isinstance(value, Group):
            return group(value)
        if isinstance(value, dict):
            return {key: shown(member) for key, member in value.items()}
        return value

    return {field.name: shown(getattr(counted, field.name)) for field in fields(counted)}
