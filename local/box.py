"""The bridge to a ChaosBlade-Box on one machine: TANDEM_BOX_URL switches it on, with the login that the box wants."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

BOX_URL, BOX_USER, BOX_PASSWORD = "TANDEM_BOX_URL", "TANDEM_BOX_USER", "TANDEM_BOX_PASSWORD"
_SECRET = "tandem-local-box"  # noqa: S105 - the name of a secret


def box_parameters(variables: Mapping[str, str]) -> dict[str, str]:
    """The parameters of the template that bridge the box of the user's environment; none without one."""
    if not variables.get(BOX_URL):
        return {}
    login = {"BoxSecretArn": _SECRET} if variables.get(BOX_USER) else {}
    return {"BoxUrl": variables[BOX_URL], **login}


def keep_box_login(secrets: Any, variables: Mapping[str, str]) -> None:
    """Put the login where the deployed functions find theirs: into the (local) Secrets Manager."""
    if "BoxSecretArn" not in box_parameters(variables):
        return
    login = {"userName": variables[BOX_USER], "password": variables.get(BOX_PASSWORD, "")}
    try:
        secrets.create_secret(Name=_SECRET, SecretString=json.dumps(login))
    except secrets.exceptions.ResourceExistsException:
        secrets.put_secret_value(SecretId=_SECRET, SecretString=json.dumps(login))
