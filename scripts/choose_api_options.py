"""choose_api_options.py TEMPLATE RESULT: the template with what SAM must know of the API before there are parameters.

JWT_ISSUER and JWT_AUDIENCE: callers are known by a JWT instead of IAM. CORS_ORIGINS: browsers there may call.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

IAM = """      Auth:
        EnableIamAuthorizer: true
        DefaultAuthorizer: AWS_IAM
"""
JWT = """      Auth:
        DefaultAuthorizer: Jwt
        Authorizers:
          Jwt:
            IdentitySource: $request.header.Authorization
            JwtConfiguration:
              issuer: {issuer}
              audience: [{audience}]
"""
CORS = """      CorsConfiguration:
        AllowOrigins: [{origins}]
        AllowMethods: [GET, POST]
        AllowHeaders: [authorization, content-type, x-amz-content-sha256, x-amz-date, x-amz-security-token]
"""


def with_api_options(template: str, chosen: Mapping[str, str]) -> str:
    """The template's text with the options chosen. Raises ValueError when one, or the template, is not as expected."""
    if template.count(IAM) != 1:
        raise ValueError("the template has no IAM authorizer to replace")
    auth, cors = IAM, ""
    issuer, audience = chosen.get("JWT_ISSUER", ""), _names(chosen.get("JWT_AUDIENCE", ""))
    if issuer or audience:
        if not _is_plain_https(issuer):
            raise ValueError(f"JWT_ISSUER must be https://host[/path], not {issuer!r}")
        if not audience:
            raise ValueError("JWT_AUDIENCE must be one or more names, separated by commas")
        auth = JWT.format(issuer=issuer, audience=_quoted(audience))
    if origins := _names(chosen.get("CORS_ORIGINS", "")):
        for origin in origins:
            if not _is_plain_https(origin) or urlsplit(origin).path:
                raise ValueError(f"CORS_ORIGINS must be https://host[:port], separated by commas, not {origin!r}")
        cors = CORS.format(origins=_quoted(origins))
    return template.replace(IAM, auth + cors)


def _is_plain_https(address: str) -> bool:
    parts = urlsplit(address)
    return (
        parts.scheme == "https" and bool(parts.hostname) and address.isascii() and not set(address) & set(" \"'#\\*?")
    )


def _names(text: str) -> list[str]:
    names = [part.strip() for part in text.split(",") if part.strip()]
    if not all(name.isprintable() and not set(name) & set("\"'\\") for name in names):
        raise ValueError(f"{text!r} has characters that no such name has")
    return names


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def main() -> None:
    source, result = map(Path, sys.argv[1:])
    try:
        text = with_api_options(source.read_text(encoding="utf-8"), os.environ)
    except ValueError as wrong:
        sys.exit(f"error: {wrong}")
    result.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
