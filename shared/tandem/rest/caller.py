"""Who calls: from the authorizer alone, never from a header or body that a caller can set."""

import hashlib
from collections.abc import Mapping
from typing import Any

from tandem.domain.errors import Unauthenticated

MAX_USER_ID = 64


def user_of(event: Mapping[str, Any]) -> str:
    """The caller's id: a Cognito identity, IAM's ``userId``, or the ``sub`` claim of a JWT. Raises Unauthenticated.

    IAM's ``userId`` of an assumed role is ``role id:session name``. Everybody who comes through a Cognito identity pool
    has one and the same session name, so there the identity is the caller. Elsewhere the session name is chosen by
    whoever assumes the role: docs/deploy.md says how to bind it to the person.

    An id that is longer than the column, or that ends in blanks (MySQL compares without them), keeps its beginning and
    gets a digest of the whole, so that two never meet.
    """
    authorizer = event.get("requestContext", {}).get("authorizer") or {}
    iam = authorizer.get("iam") or {}
    claims = (authorizer.get("jwt") or {}).get("claims") or {}
    cognito = iam.get("cognitoIdentity") or {}
    user = cognito.get("identityId") or iam.get("userId") or claims.get("sub")
    if not isinstance(user, str) or not user.strip():
        raise Unauthenticated("The request carries no identity.")
    if len(user) <= MAX_USER_ID and user == user.strip():
        return user
    return f"{user[:31]}.{hashlib.sha256(user.encode()).hexdigest()[:32]}"
