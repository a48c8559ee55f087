"""The context object that a Lambda handler gets as its second argument."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ClientContext:
    """What a mobile SDK would send along; nobody does here, but handlers may look."""

    client: dict[str, str] = field(default_factory=dict)
    custom: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)


class LambdaContext:
    """AWS Lambda's context object; the time left counts down from the function's Timeout.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    function_version = "$LATEST"
    identity = None
    client_context: ClientContext | None = None

    def __init__(self, function_name: str, function_arn: str, memory_mb: int, timeout: float, request_id: str) -> None:
        self.function_name = function_name
        self.invoked_function_arn = function_arn
        self.memory_limit_in_mb = str(memory_mb)
        self.aws_request_id = request_id
        self.log_group_name = f"/aws/lambda/{function_name}"
        self.log_stream_name = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[$LATEST]{request_id.replace('-', '')}"
        self._deadline = time.monotonic() + timeout

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would end the invocation; never negative."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))
