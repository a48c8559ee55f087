"""When the fault was: what is said of it, in any order, and what stands in for it."""

import itertools
from datetime import timedelta

import pytest
from tandem.domain.errors import InvalidValue
from tandem.domain.experiment_run import ExperimentRun, Outcome
from tandem.domain.fault_window import FaultWindow, ToldWindow, WindowSource, choose_window
from tandem.triggers.experiment_events import ExperimentFinishedDetail, FaultStateChangedDetail

from tests.factories.experiments import NOON, open_run, run
from tests.factories.experiments import seconds_after_noon as at

LATER = at(600)


def told(*words: tuple[float | None, float | None]) -> ExperimentRun:
    """A run of which was said what ``words`` are, in seconds after noon."""
    heard = open_run()
    for start, end in words:
        heard.learn_fault_window(None if start is None else at(start), None if end is None else at(end), LATER)
    return heard


def test_the_order_and_repeats_of_what_is_said_do_not_matter() -> None:
    words: list[tuple[float | None, float | None]] = [(20, None), (None, 50), (30, 60), (20, None)]
    hulls = {
        (heard.fault_started_at, heard.fault_ended_at)
        for heard in (told(*order) for order in itertools.permutations(words))
    }
    assert hulls == {(at(20), at(60))}


def test_a_repeat_adds_nothing_to_the_story() -> None:
    once, twice = told((20, 50)), told((20, 50), (20, 50))
    assert [entry.reason for entry in twice.audit] == [entry.reason for entry in once.audit]
    assert "told of the fault: from 2026-01-02T12:00:20.000+00:00 to 2026-01-02T12:00:50.000+00:00" in [
        entry.reason for entry in once.audit
    ]


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        (50, 50, "faultEndedAt"),
        (50, 20, "faultEndedAt"),
        (600 + 301, None, "faultStartedAt"),
        (None, 8 * 3600, "faultEndedAt"),
        (-3601, None, "faultStartedAt"),
        (None, -8 * 3600, "faultEndedAt"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(start: float | None, end: float | None, field: str) -> None:
    heard = open_run()
    with pytest.raises(InvalidValue) as refusal:
        heard.learn_fault_window(None if start is None else at(start), None if end is None else at(end), LATER)
    assert [fault.field for fault in refusal.value.details] == [field]
    assert (heard.fault_started_at, heard.fault_ended_at) == (None, None)


def test_an_end_that_contradicts_the_known_start_is_refused() -> None:
    heard = told((30, None))
    with pytest.raises(InvalidValue):
        heard.learn_fault_window(None, at(25), LATER)
    assert heard.fault_window == FaultWindow(at(30), None, WindowSource.TOLD, None)


@pytest.mark.parametrize(
    ("known", "fault_at", "opened", "finished", "expected"),
    [
        ((20, 50), 15, 11, 90, (20, 50, WindowSource.TOLD, WindowSource.TOLD)),
        ((20, None), 15, 11, 90, (20, 90, WindowSource.TOLD, WindowSource.EXPERIMENT_FINISHED)),
        ((None, 50), 15, 11, 90, (15, 50, WindowSource.FAULT_AT, WindowSource.TOLD)),
        ((None, None), None, 11, 90, (11, 90, WindowSource.FAULT_WINDOW_OPEN, WindowSource.EXPERIMENT_FINISHED)),
        ((None, None), None, 11, None, (11, None, WindowSource.FAULT_WINDOW_OPEN, None)),
        ((20, 50), None, None, None, (20, 50, WindowSource.TOLD, WindowSource.TOLD)),
        ((None, 50), 15, None, 90, (None, None, None, None)),
        ((None, None), 95, 11, 90, (95, 95, WindowSource.FAULT_AT, WindowSource.EXPERIMENT_FINISHED)),
    ],
)
def test_what_was_told_goes_before_what_was_announced_and_that_before_what_we_did(
    known: tuple[float | None, float | None],
    fault_at: float | None,
    opened: float | None,
    finished: float | None,
    expected: tuple[float | None, float | None, WindowSource | None, WindowSource | None],
) -> None:
    moments = [None if each is None else at(each) for each in (*known, fault_at, opened, finished)]
    start, end, start_from, end_from = expected
    assert choose_window(ToldWindow(*moments[:2]), *moments[2:]) == FaultWindow(
        None if start is None else at(start), None if end is None else at(end), start_from, end_from
    )


def test_a_run_without_a_task_remembers_the_window_too() -> None:
    remembered = ExperimentRun(experiment_task_id="et-1", created_at=NOON)
    remembered.learn_fault_window(at(1), None, LATER)
    assert remembered.fault_started_at == at(1)


def test_an_end_of_the_experiment_is_understood_whatever_its_fault_times_are() -> None:
    detail = ExperimentFinishedDetail.model_validate(
        {
            "experimentTaskId": "et-1",
            "outcome": "SUCCEEDED",
            "faultStartedAt": "yesterday",
            "faultEndedAt": "2026-01-02T12:00:50",
        }
    )
    assert (detail.outcome, detail.fault) == (Outcome.SUCCEEDED, ToldWindow())


def test_a_fault_state_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="faultStartedAt"):
        FaultStateChangedDetail.model_validate({"experimentTaskId": "et-1"})


def test_moments_are_kept_in_whole_milliseconds() -> None:
    heard = run()
    heard.learn_fault_window(NOON + timedelta(microseconds=1999), None, LATER)
    assert heard.fault_started_at == NOON + timedelta(milliseconds=1)
