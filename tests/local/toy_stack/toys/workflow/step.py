"""Does what a step of the workflow asks for."""

import time
from typing import Any

from ..memory import CALLS


class Flaky(Exception):
    """Goes away after two tries."""


class Caught(Exception):
    """The workflow catches this one."""


class Fatal(Exception):
    """The workflow knows nothing of this one."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    CALLS.append(("step", event))
    match event["do"]:
        case "flaky" if event["tries"] < 2:
            raise Flaky("try again")
        case "catch":
            raise Caught("as planned")
        case "fail":
            raise Fatal("not planned")
        case "sleep":
            time.sleep(0.5)
    return {"done": event["do"]}
