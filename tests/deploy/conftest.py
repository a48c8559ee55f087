"""A build for the emulator, and a world for the built functions: a database, AWS and an engine on this machine."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from sqlalchemy import create_engine, delete
from sqlalchemy.pool import NullPool
from tandem.adapters.database.connections import Connections, open_engine
from tandem.adapters.database.tables import metadata
from tandem.adapters.database.transactions import SqlDatabase
from tandem.adapters.engine.client import HttpLoadEngine
from tandem.adapters.engine.settings import EngineSettings
from tandem.domain.engine_state import StopReason
from tandem.domain.experiment_run import ExperimentRun, RunPlan
from tandem.domain.identity import Owner
from tandem.domain.load_engine import StartLoad
from tandem.domain.ports import UnitOfWork
from tandem.domain.timestamps import to_millis

from local.emulator import BUILD, TOOLS
from local.settings import PROJECT, ServerKind
from tests.conftest import Migrated
from tests.factories.experiments import definition, strategy
from tests.factories.scripts import run_script
from tests.fakes.chaosblade_box import FakeBox
from tests.fakes.trap_engine import TrapEngine

TEMPLATE = PROJECT / "template.yaml"
NESTED = [PROJECT / "infrastructure" / name for name in ("engine.yaml", "vpc_endpoints.yaml")]
OWNER = Owner("local", "default")
REGION = "us-east-1"
BUCKET = "tandem-uploads"
ROLE = "arn:aws:iam::123456789012:role/tandem"
NO_WORK = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}


@pytest.fixture(scope="session")
def sam_tools() -> Path:
    """SAM's virtual environment."""
    if not (TOOLS / "complete").exists():
        run_script("scripts/setup_tool.sh", "sam")
    return TOOLS / "bin"


@pytest.fixture(scope="session")
def expanded_file(sam_tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What SAM makes of template.yaml, with the state machine's definition in place."""
    file = tmp_path_factory.mktemp("expanded") / "template.json"
    file.write_text(run_script(str(sam_tools / "python"), "scripts/expand_template.py", TEMPLATE.name))
    return file


@pytest.fixture(scope="session")
def expanded(expanded_file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(expanded_file.read_text())
    return found


@pytest.fixture(scope="session")
def build(sam_tools: Path, emulator_build: None) -> Path:
    """template.yaml, built for this machine just now."""
    return BUILD


@dataclass(frozen=True)
class World:
    """What the built functions meet; ``variables`` are those of their environment."""

    variables: dict[str, str]
    database: SqlDatabase
    engine: TrapEngine


@pytest.fixture(scope="session")
def world(migrated: Migrated, first_server: ServerKind) -> Iterator[World]:
    """Definitions, strategies and runs of the names that events/ uses."""
    with world_over(migrated.url(first_server)) as made:
        yield made


@contextmanager
def world_over(url: str) -> Iterator[World]:
    """The world of the built functions over a migrated database, which is emptied first."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
    database = SqlDatabase(open_engine(Connections(url, size=2)))
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        with TrapEngine() as engine, FakeBox() as box:
            variables = _aws_in(f"http://{host}:{port}") | {
                "TANDEM_DATABASE_URL": url,
                "TANDEM_DATABASE_CA_FILE": "",
                "TANDEM_ENGINE_URL": engine.url,
                "TANDEM_BOX_URL": box.url,
            }
            _seed(database, engine)
            yield World(variables, database, engine)
    finally:
        server.stop()
        database.close()


def _aws_in(endpoint: str) -> dict[str, str]:
    """The stack's bus, queue, bucket and state machine in a moto server."""
    session: Any = boto3.session.Session("test", "test", region_name=REGION)

    def client(service: str) -> Any:
        return session.client(service, endpoint_url=endpoint)

    client("events").create_event_bus(Name="tandem")
    client("s3").create_bucket(Bucket=BUCKET)
    queue = client("sqs").create_queue(QueueName="StopQueue")["QueueUrl"]
    machine = client("stepfunctions").create_state_machine(
        name="tandem-ExperimentLoadTest", definition=json.dumps(NO_WORK), roleArn=ROLE
    )
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "TANDEM_EVENT_BUS": "tandem",
        "TANDEM_BUCKET": BUCKET,
        "TANDEM_STOP_QUEUE_URL": queue,
        "TANDEM_STATE_MACHINE_ARN": machine["stateMachineArn"],
    }


def _seed(database: SqlDatabase, engine: TrapEngine) -> None:
    now = to_millis(datetime.now(UTC))
    client = HttpLoadEngine(EngineSettings(base_url=engine.url))
    path = client.upload_plan("plan.jmx", [b"<x/>"])
    definitions = [
        replace(definition(), owner=OWNER, definition_id=f"ldef_{number:032d}", name=f"sample {number}")
        for number in (1, 2, 3)
    ]
    strategies = [
        replace(
            strategy(),
            owner=OWNER,
            strategy_id=f"lstrategy_{number:032d}",
            experiment_id=experiment,
            definition_id=definitions[0].definition_id,
        )
        for number, experiment in enumerate(
            ("exp-checkout-latency", "exp-two", "exp-three", "fis:EXT1a2b3c4d5e6f7g8"), start=1
        )
    ]

    def run(name: str, task_id: str, *steps: Callable[[ExperimentRun], None]) -> ExperimentRun:
        made = ExperimentRun(
            experiment_task_id=f"et-{name}", created_at=now, owner=OWNER, experiment_id="exp-checkout-latency",
            workflow_arn=f"arn:aws:states:{REGION}:123456789012:execution:tandem-ExperimentLoadTest:et-{name}",
        )  # fmt: skip
        made.create_task(task_id, RunPlan(strategies[0], definitions[0]), now, now)
        for step in steps:
            step(made)
        return made

    def start(run: ExperimentRun) -> None:
        run.try_start(now)
        run.attempt_start(now)
        name = f"tandem {run.started_task.task_id}"
        run.accept_load(client.start(StartLoad(name, path, threads=2, duration=600, timeout=3600)), 120, now)
        run.see_first_sample(now - timedelta(seconds=60))
        run.prove_load("enough", now)

    def ask_to_stop(run: ExperimentRun) -> None:
        run.request_stop(StopReason.USER, "enough", now)

    runs = [
        run("pending", "ldtask_pending"),
        run("running", "ldtask_running", start),
        run("to-stop", "ldtask_to_stop", start),
        run("stopping", "ldtask_stopping", start, ask_to_stop),
        run("lost", "ldtask_lost"),
        run("aborted", "ldtask_aborted"),
        run("task-1", "ldtask_finishes", start),
    ]
    runs[-1].experiment_task_id = "exp-task-1"
    runs[-1].started_task.experiment_task_id = "exp-task-1"
    client.close()

    def add(uow: UnitOfWork) -> None:
        for each in definitions:
            uow.definitions.add(each)
        for kept in strategies:
            uow.strategies.add(kept)
        for made in runs:
            uow.runs.add(made)

    database.write(add)
