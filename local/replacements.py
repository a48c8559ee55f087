"""Replaces attributes of foreign classes and modules for a time, and puts the originals back."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any


class Replacements(contextlib.ExitStack):
    """A context in which replacements hold; leaving it undoes them, the last first."""

    def replace(self, owner: Any, name: str, value: Any) -> Any:
        """Sets an attribute and returns what the attribute was, for the replacement to call."""
        original = vars(owner)[name] if name in vars(owner) else getattr(owner, name)
        self.callback(setattr, owner, name, original)
        setattr(owner, name, value)
        return original

    def replace_items(self, owner: dict[str, Any], items: Mapping[str, Any]) -> None:
        """Updates a dictionary."""
        before = dict(owner)

        def restore() -> None:
            owner.clear()
            owner.update(before)

        self.callback(restore)
        owner.update(items)
