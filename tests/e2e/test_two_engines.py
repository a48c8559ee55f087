"""Two real engines under one stack: loads are spread over them, followed and stopped where they run."""

import os
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


def test_two_loads_run_on_two_engines_and_a_drained_one_gets_no_more(tmp_path: Path) -> None:
    shop = Shop()
    settings = Settings(
        api_port=0,
        aws_port=0,
        engine_port=0,
        engines=2,
        state_directory=tmp_path,
        sync_seconds=2,
        variables={**os.environ},
    )
    try:
        with LocalStack(settings) as stack:
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
    finally:
        shop.close()


def engine_of(experiment: Experiment) -> str | None:
    run = experiment.run
    assert run is not None
    return run.engine


def manage(stack: LocalStack, action: str, name: str) -> None:
    from functions.operations.manage_engines import handler

    handler({"action": action, "name": name}, None)
