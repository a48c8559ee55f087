"""Which characters an XML 1.0 document can hold: a test plan is one, so nothing else can be put into it."""

import re

# https://www.w3.org/TR/xml/#charsets
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def first_illegal_character(text: str) -> str | None:
    """Return the first character that XML 1.0 cannot hold, as ``U+0000``; None when all can be written."""
    found = _ILLEGAL.search(text)
    return None if found is None else f"U+{ord(found.group()):04X}"
