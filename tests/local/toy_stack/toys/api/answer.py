"""Answers with whatever the request's body asks for."""

import json
import time
from typing import Any


class Unwell(Exception):
    """The error that a request may ask for."""


def handler(event: dict[str, Any], context: Any) -> Any:
    asked = json.loads(event["body"])
    if "sleep" in asked:
        time.sleep(asked["sleep"])
    if "error" in asked:
        raise Unwell(asked["error"])
    if "size" in asked:
        return "x" * asked["size"]
    return asked.get("answer")
