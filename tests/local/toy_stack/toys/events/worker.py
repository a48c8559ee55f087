"""Remembers each record; reports those as failed whose body is `bad`."""

import time
from typing import Any

from ..memory import CALLS


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    failed = []
    for record in event["Records"]:
        CALLS.append(("worker", {**record, "pickedUpAt": time.time() * 1000}))
        if record["body"] == "bad":
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
