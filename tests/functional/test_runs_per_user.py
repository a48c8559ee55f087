"""How many runs one user may have at a time."""

import pytest
from tandem import bootstrap
from tandem.bootstrap import application
from tandem.domain.identity import Owner
from tandem.domain.starting_experiment import StartingExperiment
from tandem.domain.workflow_step import NextStep

from tests.factories.experiments import OWNER, definition, strategy
from tests.factories.kept_tasks import pending_task
from tests.functional.conftest import Api


@pytest.fixture
def two_at_most(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("TANDEM_MAX_RUNS_PER_USER", "2")
    bootstrap.reset()
    application().database.write(lambda uow: uow.definitions.add(definition()))
    application().database.write(lambda uow: uow.strategies.add(strategy()))


def starting(name: str) -> StartingExperiment:
    return StartingExperiment(strategy().experiment_id, f"et-{name}", OWNER)


@pytest.mark.usefixtures("two_at_most")
def test_a_user_with_as_many_runs_as_one_may_have_gets_no_further_load_and_is_told(api: Api) -> None:
    pending_task("1")
    pending_task("2", owner=Owner(OWNER.user_id, "another"))
    pending_task("3", owner=Owner("somebody-else", OWNER.namespace))
    assert application().create_task(starting("4"), "arn:x").next is NextStep.DONE
    assert application().database.read(lambda uow: uow.runs.get("et-4")) is None
    refused = api.get("get_load_test_task_by_experiment_task_id", experimentTaskId="et-4")
    assert refused.status == 404
    assert "has 2 runs that have not ended" in refused.text


@pytest.mark.usefixtures("two_at_most")
def test_a_run_that_there_is_already_is_repeated_and_not_counted_against_itself(api: Api) -> None:
    pending_task("1")
    first = application().create_task(starting("2"), "arn:x")
    assert first.next is NextStep.CONTINUE
    assert application().create_task(starting("2"), "arn:x") == first
    assert application().create_task(starting("3"), "arn:x").next is NextStep.DONE
