"""Says that the application is well, with what it reads from its environment."""

import json
import os
from typing import Any


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    names = [name for name in os.environ if name.startswith(("TANDEM_", "AWS_"))]
    body = {
        "environment": {name: os.environ[name] for name in names},
        "authorizer": "authorizer" in event["requestContext"],
    }
    return {"statusCode": 200, "body": json.dumps(body), "headers": {"content-type": "application/json"}}
