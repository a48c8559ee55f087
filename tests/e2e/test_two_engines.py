"""Two real engines under one stack: loads are spread over them, or one is divided, and stopped where they run."""

import csv
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tandem.domain.ports import UnitOfWork

from local.settings import Settings
from local.stack import LocalStack
from tests.engine.conftest import Shop
from tests.factories.experiments import OWNER
from tests.factories.platform import Experiment, Platform, until

pytestmark = [pytest.mark.slow, pytest.mark.jmeter, pytest.mark.timeout(240)]


def samples(directory: Path) -> int:
    """The lines of all result files below, without their headings."""
    return sum(max(0, len(file.read_text().splitlines()) - 1) for file in directory.glob("results/*/results.jtl"))


def aimed_at(shop: Shop, experiment: Experiment) -> Experiment:
    """The experiment, its definition calling the shop."""

    def change(uow: UnitOfWork) -> None:
        kept = uow.strategies.live_for_experiment(OWNER, experiment.experiment_id)
        assert kept is not None
        planned = uow.definitions.lock(OWNER, kept.definition_id)
        assert planned is not None
        uow.definitions.save(replace(planned, endpoint=f"http://127.0.0.1:{shop.port}"))

    experiment.platform.database.write(change)
    return experiment


@contextmanager
def two_engines(directory: Path) -> Iterator[LocalStack]:
    settings = Settings(
        api_port=0,
        aws_port=0,
        engine_port=0,
        engines=2,
        state_directory=directory,
        sync_seconds=2,
        variables={**os.environ},
    )
    with LocalStack(settings) as stack:
        yield stack


@pytest.fixture
def shop() -> Iterator[Shop]:
    opened = Shop()
    yield opened
    opened.close()


def test_two_loads_run_on_two_engines_and_a_drained_one_gets_no_more(tmp_path: Path, shop: Shop) -> None:
    with two_engines(tmp_path) as stack:
        platform = Platform(stack)
        first, second, third = (aimed_at(shop, platform.plan(traffic_duration_sec=120)) for _ in range(3))
        for each in (first, second):
            each.starts()
        for each in (first, second):
            each.hears("FaultWindowOpen", 60)
        assert {engine_of(first), engine_of(second)} == {"default", "engine-2"}
        until(lambda: samples(tmp_path / "engine") > 0 and samples(tmp_path / "engine-2") > 0, "samples on both")

        manage(stack, "drain", "engine-2")
        third.starts()
        third.hears("FaultWindowOpen", 60)
        assert engine_of(third) == "default"

        for each in (first, second, third):
            assert each.status == "RUNNING"
            each.finishes("STOPPED")
        for each in (first, second, third):
            assert each.settles(60).started_task.status == "STOPPED"
        before = samples(tmp_path / "engine"), samples(tmp_path / "engine-2")
        for each in (first, second):
            answer = platform.get("GetLoadTestResults", experimentTaskId=each.experiment_task_id)
            assert answer.json()["result"]["summary"]["samples"] > 0
        assert before == (samples(tmp_path / "engine"), samples(tmp_path / "engine-2"))
        platform.close()


def test_one_load_is_divided_among_two_engines_and_its_results_are_those_of_both(tmp_path: Path, shop: Shop) -> None:
    with two_engines(tmp_path) as stack:
        platform = Platform(stack)
        experiment = aimed_at(shop, platform.plan(threads=5, engines=2, traffic_duration_sec=120))
        experiment.starts()
        assert experiment.hears("FaultWindowOpen", 60)["loadProven"] is True
        assert experiment.status == "RUNNING"
        assert samples(tmp_path / "engine") > 0
        assert samples(tmp_path / "engine-2") > 0
        experiment.finishes("STOPPED")
        run = experiment.settles(60)
        assert run.started_task.status == "STOPPED"
        assert sorted((part.engine, part.threads) for part in run.parts) in (
            [("default", 2), ("engine-2", 3)],
            [("default", 3), ("engine-2", 2)],
        )
        sent = samples(tmp_path / "engine") + samples(tmp_path / "engine-2")
        for archived in (False, True):
            if archived:
                experiment.hears("LoadTestReportReady", 60)
            result = platform.get("GetLoadTestResults", experimentTaskId=experiment.experiment_task_id).json()["result"]
            assert result["summary"]["samples"] == sent
            latencies = sorted(elapsed_of(tmp_path / "engine") + elapsed_of(tmp_path / "engine-2"))
            assert result["summary"]["latency"]["p95"] == latencies[math.ceil(0.95 * len(latencies)) - 1]
        assert sent == samples(tmp_path / "engine") + samples(tmp_path / "engine-2"), "nobody sends any more"
        platform.close()


def elapsed_of(directory: Path) -> list[int]:
    """The elapsed times (ms) in all result files below."""
    found = []
    for file in directory.glob("results/*/results.jtl"):
        with file.open(newline="") as lines:
            found += [int(row["elapsed"]) for row in csv.DictReader(lines)]
    return found


def engine_of(experiment: Experiment) -> str | None:
    run = experiment.run
    assert run is not None
    return run.engine


def manage(stack: LocalStack, action: str, name: str) -> None:
    from functions.operations.manage_engines import handler

    handler({"action": action, "name": name}, None)
