"""Names of files that users give us: a name that is safe to store and still recognisable."""

import unicodedata
from typing import Final

from tandem.domain.errors import FieldFault, InvalidValue

MAX_NAME_BYTES: Final = 200
"""In UTF-8: file systems and object stores allow 255, and the engine adds a stamp of its own."""

# Legal in most places, but each means something to a shell, to Windows, to a URL, or to JMeter (a dollar brace).
_UNSAFE: Final = frozenset('<>:"|?*$`;&#%{}')


def clean_file_name(name: str, field: str = "file") -> str:
    """Return the last part of a path, with what is unsafe in a name replaced by ``_`` and its length bounded.

    Directions of writing and control characters (NUL too) are dropped, an extension ``.jmx`` in any case is kept as
    sent. Raises InvalidValue naming ``field`` when nothing is left of the name.
    """
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join("_" if c in _UNSAFE else c for c in last if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co"})
    # Leading dots would hide the file or point elsewhere; trailing ones and blanks are lost on some systems.
    kept = " ".join(kept.split()).strip(". ")
    if not kept:
        raise InvalidValue(f"{field}: the file needs a name.", [FieldFault(field, "must have a file name")])
    stem, dot, extension = kept.rpartition(".")
    if not dot or len(extension) > 16:
        stem, extension = kept, ""
    ending = f".{extension}" if extension else ""
    room = MAX_NAME_BYTES - len(ending.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + ending


def has_plan_extension(name: str) -> bool:
    """Say whether the name ends in ``.jmx``, in any case."""
    return name.lower().endswith(".jmx")
