"""Recognises secrets that are written out in a plan. What is found is named, never repeated."""

import re
from collections.abc import Mapping
from typing import Final

_SECRET_NAME: Final = re.compile(
    r"(?:^|[._\-\s])(?:pass|passwd|password|passphrase|secret|client[_-]?secret|token|access[_-]?token|refresh[_-]?token|"
    r"id[_-]?token|api[_-]?key|apikey|access[_-]?key|secret[_-]?key|private[_-]?key|auth[_-]?token)$",
    re.IGNORECASE,
)
_SECRET_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "x-api-key", "api-key", "apikey", "x-auth-token", "x-access-token"}
)
# Forms that mean a secret wherever they stand.
_SECRET_TEXT: Final = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\bgh[pousr]_[A-Za-z0-9]{36}\b"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,}"
)
_PASSWORDS: Final = ("password", "ConfigTestElement.password", "Authorization.password")
SECRET_VALUES: Final = frozenset({*_PASSWORDS, "Header.name", "Header.value", "Argument.name", "Argument.value"})


def secret_text(text: str) -> bool:
    """Say whether a text holds something that has the form of a secret."""
    return _SECRET_TEXT.search(text) is not None


def secrets_of(values: Mapping[str, str]) -> list[str]:
    """Name the secrets among the values of an element or a row."""
    found = [f"the password ({name})" for name in _PASSWORDS if _written_out(values.get(name, ""))]
    header = values.get("Header.name", "").strip()
    if header.lower() in _SECRET_HEADERS and _written_out(_credentials(values.get("Header.value", ""))):
        found.append(f"the header {header[:100]}")
    argument = values.get("Argument.name", "").strip()
    if _SECRET_NAME.search(argument) and _written_out(values.get("Argument.value", "")):
        found.append(f"the value of {argument[:100]}")
    return found


def _credentials(header: str) -> str:
    """What follows the scheme, as in ``Bearer abc``; a scheme alone says nothing."""
    scheme, _, rest = header.strip().partition(" ")
    return rest if scheme.lower() in {"bearer", "basic", "digest", "token", "negotiate", "apikey"} else header


def _written_out(value: str) -> bool:
    return bool(value.strip()) and "${" not in value
