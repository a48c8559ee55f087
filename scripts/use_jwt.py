"""use_jwt.py TEMPLATE RESULT: the template with a JWT authorizer (JWT_ISSUER, JWT_AUDIENCE) for IAM's.

SAM decides on authorizers before CloudFormation knows parameters, so this choice cannot be a parameter.
"""

import os
import sys
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


def with_jwt(template: str, issuer: str, audience: str) -> str:
    """The template's text with a JWT authorizer. Raises ValueError when a value or the template is not as expected."""
    if urlsplit(issuer).scheme != "https" or not urlsplit(issuer).hostname or any(c in issuer for c in " \"'#"):
        raise ValueError(f"JWT_ISSUER must be https://host[/path], not {issuer!r}")
    audiences = [part.strip() for part in audience.split(",") if part.strip()]
    if not audiences or not all(part.isprintable() and not set(part) & set("\"'\\") for part in audiences):
        raise ValueError(f"JWT_AUDIENCE must be one or more names, separated by commas, not {audience!r}")
    if template.count(IAM) != 1:
        raise ValueError("the template has no IAM authorizer to replace")
    quoted = ", ".join(f'"{part}"' for part in audiences)
    return template.replace(IAM, JWT.format(issuer=issuer, audience=quoted))


def main() -> None:
    source, result = map(Path, sys.argv[1:])
    try:
        text = with_jwt(source.read_text(), os.environ.get("JWT_ISSUER", ""), os.environ.get("JWT_AUDIENCE", ""))
    except ValueError as wrong:
        sys.exit(f"error: {wrong}")
    result.write_text(text)


if __name__ == "__main__":
    main()
