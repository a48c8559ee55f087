"""Who calls: from the authorizer alone, never from a header or body that a caller can set."""

import hashlib
from collections.abc import Mapping
from typing import Any

from tandem.domain.errors import Unauthenticated

MAX_USER_ID = 64


def user_of(event: Mapping[str, Any]) -> str:
    """The caller's id: IAM's ``userId``, or the ``sub`` claim of a JWT. Raises Unauthenticated.

    An id that is longer than the column, or that ends in blanks (MySQL compares without them), keeps its beginning and
    gets a digest of the whole, so that two never meet.
    """
    authorizer = event.get("requestContext", {}).get("authorizer") or {}
    iam = authorizer.get("iam") or {}
    claims = (authorizer.get("jwt") or {}).get("claims") or {}
    user = iam.get("userId") or claims.get("sub")
    if not isinstance(user, str) or not user.strip():
        raise Unauthenticated("The request carries no identity.")
    if len(user) <= MAX_USER_ID and user == user.strip():
        return user
    return f"{user[:31]}.{hashlib.sha256(user.encode()).hexdigest()[:32]}"
