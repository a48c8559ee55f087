"""Text as XML: escaped so that a parser gives back the same characters, line ends and tabs included."""

_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ATTRIBUTE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
)


def escape_text(text: str) -> str:
    """Escape for element content; a bare carriage return would come back as a line feed."""
    return text.translate(_TEXT)


def escape_attribute(text: str) -> str:
    """Escape for a double-quoted attribute value; bare line ends and tabs would come back as blanks."""
    return text.translate(_ATTRIBUTE)
