"""Answers with the event and the context that it got."""

import json
from typing import Any


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    seen = {
        "functionName": context.function_name,
        "arn": context.invoked_function_arn,
        "requestId": context.aws_request_id,
        "remaining": context.get_remaining_time_in_millis(),
        "memory": context.memory_limit_in_mb,
    }
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json", "X-Toy": "yes"},
        "cookies": ["a=1", "b=2; Path=/"],
        "body": json.dumps({"event": event, "context": seen}),
    }
