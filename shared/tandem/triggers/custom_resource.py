"""CloudFormation's custom resources: a function that a deployment calls and waits for.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.request import Request, urlopen

from tandem.telemetry import LogEvent, logger

_ANSWER_SECONDS = 20


def deployment_step(
    step: Callable[[], Mapping[str, Any]],
) -> Callable[[Mapping[str, Any], object], Mapping[str, Any]]:
    """Make a Lambda handler of a step. Called by hand it answers; called by CloudFormation it tells that service.

    A deletion of the resource is none of the step's business and succeeds. Errors go to CloudFormation, which then
    stops the deployment; called by hand they are raised.
    """

    def handler(event: Mapping[str, Any], context: object) -> Mapping[str, Any]:
        if "ResponseURL" not in event:
            return step()
        try:
            data = {} if event["RequestType"] == "Delete" else step()
        except Exception as failure:  # noqa: BLE001
            # The boundary to CloudFormation: unanswered, it would wait until its own time limit.
            # Not raised: Lambda would call again, and a migration that failed needs somebody to look at it.
            logger.exception(LogEvent.DEPLOYMENT_STEP_FAILED)
            _answer(event, "FAILED", {}, f"{type(failure).__name__}: {failure}"[:1000])
            return {}
        _answer(event, "SUCCESS", data, "")
        return data

    return handler


def _answer(event: Mapping[str, Any], status: str, data: Mapping[str, Any], reason: str) -> None:
    url = str(event["ResponseURL"])
    if not url.startswith("https://"):
        raise ValueError("CloudFormation's answer address must begin with https://")
    document = {
        "Status": status,
        "Reason": reason,
        # The same for ever: another one would make CloudFormation delete "the old resource".
        "PhysicalResourceId": event.get("PhysicalResourceId") or event["LogicalResourceId"],
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": dict(data),
    }
    # No content type: the pre-signed address is for a request without one.
    request = Request(url, json.dumps(document).encode(), {"Content-Type": ""}, method="PUT")  # noqa: S310 - https, above
    with urlopen(request, timeout=_ANSWER_SECONDS):  # noqa: S310 - https, above
        pass
