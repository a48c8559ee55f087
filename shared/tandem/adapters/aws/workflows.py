"""Step Functions behind the Workflows port."""

import json
from collections.abc import Iterable, Mapping

from botocore.exceptions import BotoCoreError, ClientError

from tandem.adapters.aws.clients import AwsClients
from tandem.domain.errors import WorkflowUnavailable


class StepFunctions:
    def __init__(self, clients: AwsClients, state_machine_arn: str) -> None:
        self._clients = clients
        self._state_machine_arn = state_machine_arn

    def start(self, name: str, payload: Mapping[str, object]) -> None:
        """Start an execution; one of this name, running or ended, is the one that was wanted."""
        client = self._clients.step_functions
        try:
            client.start_execution(
                stateMachineArn=self._state_machine_arn, name=name, input=json.dumps(dict(payload), ensure_ascii=False)
            )
        except client.exceptions.ExecutionAlreadyExists:
            return
        except (BotoCoreError, ClientError) as trouble:
            raise WorkflowUnavailable(f"the workflow could not be started: {trouble}") from trouble

    def running(self, arns: Iterable[str]) -> set[str]:
        """Which of these executions run now: one listing, whatever their number, in pages of 1,000."""
        wanted, found = set(arns), set[str]()
        try:
            pages = self._clients.step_functions.get_paginator("list_executions").paginate(
                stateMachineArn=self._state_machine_arn,
                statusFilter="RUNNING",
                PaginationConfig={"PageSize": 1000},
            )
            for page in pages:
                found |= wanted & {execution["executionArn"] for execution in page["executions"]}
                if found == wanted:
                    break
        except (BotoCoreError, ClientError) as trouble:
            raise WorkflowUnavailable(f"the workflows could not be listed: {trouble}") from trouble
        return found
