"""A chaos platform for tests: it puts events on the bus, listens to ours, and looks at tasks as a user does."""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
from tandem.adapters.database.connections import Connections, open_engine
from tandem.adapters.database.transactions import SqlDatabase
from tandem.domain.announcement import Announcement
from tandem.domain.audit import AuditEntry
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.ports import UnitOfWork
from tandem.domain.strategy import Gate
from tandem.domain.unsettled_run import UnsettledRun

from local.stack import LocalStack
from tests.factories.experiments import OWNER, definition, strategy

BUS = "tandem-local"
FIRST_SAMPLE_WILL_DO = Gate(max_error_rate=1, min_samples=1, min_seconds=0)
"""A gate that asks explicitly for less than by default, so that a test of something else is not slowed by it."""
T = TypeVar("T")


def until(look: Callable[[], T | None], what: str, seconds: float = 30) -> T:
    """Look until there is something to see, and give it; fail after the deadline with what was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


class Platform:
    """One listener on the bus for all experiments of a stack."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self.database = SqlDatabase(open_engine(Connections(stack.settings.effective_database_url, size=4)))
        self._events: list[dict[str, Any]] = []
        sqs, events = stack.client("sqs"), stack.client("events")
        name = f"platform-{uuid.uuid4().hex[:8]}"
        self._queue = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_rule(Name=name, EventBusName=BUS, EventPattern=json.dumps({"source": ["tandem"]}))
        events.put_targets(Rule=name, EventBusName=BUS, Targets=[{"Id": "platform", "Arn": arn}])

    def close(self) -> None:
        """Close the connections to the database."""
        self.database.close()

    def plan(self, threads: int = 1, **changes: Any) -> "Experiment":
        """A new experiment with a strategy and a load of its own; ``changes`` are the strategy's."""
        return self._plan(f"exp-{uuid.uuid4().hex[:12]}", changes, threads)

    def plan_fault(self, actions: Mapping[str, Any], **changes: Any) -> "Experiment":
        """As ``plan``, for a new FIS template of these actions: we inject it ourselves."""
        template = self._stack.client("fis").create_experiment_template(
            description="a fault of a test",
            stopConditions=[{"source": "none"}],
            actions=actions,
            roleArn="arn:aws:iam::123456789012:role/fis",
            tags={"tandem": "allowed"},
        )["experimentTemplate"]
        return self._plan(f"fis:{template['id']}", changes)

    def injections(self, experiment: "Experiment") -> list[dict[str, Any]]:
        """The FIS experiments of its template, whole."""
        fis = self._stack.client("fis")
        listed = fis.list_experiments(experimentTemplateId=experiment.experiment_id.removeprefix("fis:"))
        return [fis.get_experiment(id=each["id"])["experiment"] for each in listed["experiments"]]

    def stop_injection(self, injection_id: str) -> None:
        """Somebody stops it in FIS."""
        self._stack.client("fis").stop_experiment(id=injection_id)

    def _plan(self, experiment_id: str, changes: Mapping[str, Any], threads: int = 1) -> "Experiment":
        mark = uuid.uuid4().hex[:12]
        planned = definition(definition_id=f"ldef_{mark}", name=mark, threads=threads)
        chosen: dict[str, Any] = {
            "start_before_fault_sec": 0,
            "traffic_duration_sec": 60,
            "gate": FIRST_SAMPLE_WILL_DO,
            **changes,
        }
        kept = strategy(
            strategy_id=f"lstrategy_{mark}", definition_id=planned.definition_id, experiment_id=experiment_id, **chosen
        )

        def add(uow: UnitOfWork) -> None:
            uow.definitions.add(planned)
            uow.strategies.add(kept)

        self.database.write(add)
        return Experiment(self, experiment_id, f"et-{mark}")

    def put(self, detail_type: str, **detail: Any) -> None:
        entry = {
            "EventBusName": BUS,
            "Source": "chaosblade.experiment",
            "DetailType": detail_type,
            "Detail": json.dumps({key: value for key, value in detail.items() if value is not None}),
        }
        answer = self._stack.client("events").put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0

    def heard(self, experiment_task_id: str) -> list[dict[str, Any]]:
        """Our events about an experiment task so far, each with its detail type; repeated deliveries count once."""
        while messages := self._receive():
            for message in messages:
                event = json.loads(message["Body"])
                self._events.append({"type": event["detail-type"], **event["detail"]})
        seen = [event for event in self._events if event["experimentTaskId"] == experiment_task_id]
        return list({json.dumps(event, sort_keys=True): event for event in seen}.values())

    def heard_of(self, detail_type: str) -> set[str]:
        """The experiment tasks about which such an event was heard so far."""
        self.heard("")
        return {event["experimentTaskId"] for event in self._events if event["type"] == detail_type}

    def unsettled(self) -> list[UnsettledRun]:
        """The runs for which something is left to do."""
        return self.database.read(lambda uow: uow.runs.unsettled(1_000))

    def _receive(self) -> list[dict[str, Any]]:
        sqs = self._stack.client("sqs")
        messages: list[dict[str, Any]] = sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get(
            "Messages", []
        )
        for message in messages:
            sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return messages

    def get(self, path: str, **parameters: Any) -> httpx.Response:
        return httpx.get(f"{self._stack.api_url}/{path}", params=parameters, headers={"X-Local-User": "alice"})

    def post(self, path: str, **body: Any) -> httpx.Response:
        return httpx.post(f"{self._stack.api_url}/{path}", json=body, headers={"X-Local-User": "alice"})

    def workflow_statuses(self) -> dict[str, str]:
        """The status of every execution, by its name."""
        return {execution["name"]: execution["status"] for execution in self._all_executions()}

    def executions(self, experiment_task_id: str) -> list[dict[str, Any]]:
        """The workflow's executions for an experiment task."""
        return [each for each in self._all_executions() if each["name"].startswith(experiment_task_id)]

    def _all_executions(self) -> list[dict[str, Any]]:
        client = self._stack.client("stepfunctions")
        [machine] = client.list_state_machines()["stateMachines"]
        pages = client.get_paginator("list_executions").paginate(stateMachineArn=machine["stateMachineArn"])
        return [execution for page in pages for execution in page["executions"]]

    def stop_execution(self, execution_arn: str) -> None:
        self._stack.client("stepfunctions").stop_execution(executionArn=execution_arn)

    def history(self, execution_arn: str) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = self._stack.client("stepfunctions").get_execution_history(
            executionArn=execution_arn, maxResults=1000
        )["events"]
        return events


class Experiment:
    """One experiment task, seen from outside."""

    def __init__(self, platform: Platform, experiment_id: str, experiment_task_id: str) -> None:
        self.platform = platform
        self.experiment_id = experiment_id
        self.experiment_task_id = experiment_task_id

    def starts(self, fault_at: str | None = None, user_id: str = "alice") -> None:
        self.platform.put(
            "ExperimentStarting",
            experimentId=self.experiment_id,
            experimentTaskId=self.experiment_task_id,
            userId=user_id,
            faultAt=fault_at,
        )

    def finishes(self, outcome: str = "STOPPED", **more: Any) -> None:
        self.platform.put("ExperimentFinished", experimentTaskId=self.experiment_task_id, outcome=outcome, **more)

    def heard(self, detail_type: str | None = None) -> list[dict[str, Any]]:
        return [
            event
            for event in self.platform.heard(self.experiment_task_id)
            if detail_type is None or event["type"] == detail_type
        ]

    def hears(self, detail_type: str, seconds: float = 30) -> dict[str, Any]:
        """Wait for an event of ours."""
        return until(lambda: self.heard(detail_type), f"{detail_type} of {self.experiment_task_id}", seconds)[0]

    def enable(self) -> None:
        """The strategy is enabled after all."""

        def work(uow: UnitOfWork) -> None:
            there = uow.strategies.live_for_experiment(OWNER, self.experiment_id)
            assert there is not None
            uow.strategies.save(replace(there, enable=True, updated_at=datetime.now(UTC)))

        self.platform.database.write(work)

    @property
    def announced(self) -> Announcement | None:
        """The entry that says why it has no load."""
        since = datetime.now(UTC) - timedelta(days=1)
        return self.platform.database.read(lambda uow: uow.announcements.find(OWNER, self.experiment_task_id, since))

    @property
    def run(self) -> ExperimentRun | None:
        return self.platform.database.read(lambda uow: uow.runs.get(self.experiment_task_id))

    @property
    def status(self) -> str | None:
        """The task's state as the API tells it; None while there is no task."""
        answer = self.platform.get("GetLoadTestTask", experimentTaskId=self.experiment_task_id)
        return None if answer.status_code == 404 else str(answer.json()["result"]["status"])

    @property
    def task_id(self) -> str:
        run = self.run
        assert run is not None
        return run.started_task.task_id

    def reaches(self, *statuses: str, seconds: float = 30) -> str:
        """Wait for one of these states."""
        return until(
            lambda: self.status if self.status in statuses else None,
            f"{self.experiment_task_id} {'/'.join(statuses)} (it is {self.status})",
            seconds,
        )

    def settles(self, seconds: float = 30) -> ExperimentRun:
        """Wait until nothing is left to do, the workflow's execution included."""
        until(lambda: self.run is not None and self.run.settled, f"{self.experiment_task_id} settled", seconds)
        self.workflow_ends(seconds)
        run = self.run
        assert run is not None
        return run

    def workflow_ends(self, seconds: float = 30) -> str:
        """Wait for the end of the one execution and give its status."""

        def ended() -> str | None:
            executions = self.platform.executions(self.experiment_task_id)
            assert len(executions) <= 1
            return next((each["status"] for each in executions if each["status"] != "RUNNING"), None)

        return until(ended, f"end of the workflow of {self.experiment_task_id}", seconds)

    @property
    def story(self) -> list[AuditEntry]:
        task_id = self.task_id
        return self.platform.database.read(lambda uow: uow.audit.of_task(task_id))

    @property
    def transitions(self) -> list[str]:
        return [str(entry.to_status) for entry in self.story if entry.to_status is not None]
