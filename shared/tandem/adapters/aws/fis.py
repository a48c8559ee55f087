"""AWS Fault Injection Service behind the Injections port.

Source: https://docs.aws.amazon.com/fis/latest/APIReference/API_Experiment.html
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tandem.adapters.aws.clients import AwsClients
from tandem.domain.injection import TASK_TAG, Injection, InjectionState, InjectionsUnavailable

MOST_PAGES = 20
"""Of 100 experiments each: FIS keeps 120 days of them, and lists a template's own."""

_STOPPED_ALREADY = frozenset({"ResourceNotFoundException", "ValidationException"})


class FisInjections:
    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients

    def get(self, injection_id: str) -> Injection | None:
        client = self._clients.fis
        with _told():
            try:
                return injection_of(client.get_experiment(id=injection_id)["experiment"])
            except client.exceptions.ResourceNotFoundException:
                return None

    def find(self, template_id: str, task_id: str) -> Injection | None:
        with _told():
            pages = self._clients.fis.get_paginator("list_experiments").paginate(
                experimentTemplateId=template_id, PaginationConfig={"PageSize": 100, "MaxItems": 100 * MOST_PAGES}
            )
            for page in pages:
                for summary in page["experiments"]:
                    if summary.get("tags", {}).get(TASK_TAG) == task_id:
                        return injection_of(summary)
        return None

    def stop(self, injection_id: str) -> None:
        with _told():
            try:
                self._clients.fis.stop_experiment(id=injection_id)
            except ClientError as refusal:
                if refusal.response["Error"]["Code"] not in _STOPPED_ALREADY:
                    raise


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as trouble:
        raise InjectionsUnavailable(f"FIS gave no usable answer: {trouble}") from trouble


def injection_of(experiment: Mapping[str, Any]) -> Injection:
    """An experiment (or its summary, which has no actions) in our terms."""
    actions = list((experiment.get("actions") or {}).values())
    # An action that was skipped has no times, one that still runs has no end.
    starts = [action["startTime"] for action in actions if action.get("startTime") is not None]
    ends = [action["endTime"] for action in actions if action.get("endTime") is not None]
    state = experiment.get("state") or {}
    return Injection(
        injection_id=experiment["id"],
        template_id=experiment["experimentTemplateId"],
        state=InjectionState.of(state.get("status")),
        task_id=(experiment.get("tags") or {}).get(TASK_TAG),
        reason=state.get("reason") or "",
        fault_started_at=min(starts, default=None),
        fault_ended_at=max(ends, default=None),
    )
