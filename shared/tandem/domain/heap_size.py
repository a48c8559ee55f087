"""A heap size as ``-Xmx`` takes it, such as ``512m``."""

import re
from typing import Final

_HEAP_SIZE: Final = re.compile(r"[1-9][0-9]{0,8}[kmgKMG]")
_UNITS: Final = {"k": 1024, "m": 1024**2, "g": 1024**3}


def heap_size_fault(heap_size: str) -> str | None:
    """What is wrong with a heap size."""
    return None if _HEAP_SIZE.fullmatch(heap_size) else "must be digits and k, m or g, such as 512m"


def heap_bytes(heap_size: str) -> int:
    """The bytes that a good heap size says."""
    return int(heap_size[:-1]) * _UNITS[heap_size[-1].lower()]
