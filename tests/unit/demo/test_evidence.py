"""The demo believes only what it saw."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from local.demo.evidence import Evidence, checks, transitions
from local.demo.figures import recovered
from tests.unit.demo.demo_run import FAULT_END, FAULT_START, START, evidence, run_figures, run_jtl


def failed(seen: Evidence) -> list[str]:
    return [check.claim for check in checks(seen) if not check.passed]


def test_a_demo_in_which_all_went_well_passes() -> None:
    assert failed(evidence()) == []
    assert len(checks(evidence())) == 9


@pytest.mark.parametrize(
    ("changes", "claim"),
    [
        ({"fault_start": START + timedelta(seconds=9.9)}, "the load ran for 10 s before the fault"),
        ({"figures": run_figures(felt=False)}, "the fault shows in the figures"),
        ({"figures": run_figures(healed=False)}, "the shop recovered under load"),
        ({"figures": run_figures(seconds=20)}, "real requests went out in every phase"),
        ({"status": "SUCCEEDED"}, "the experiment's end stopped the load"),
        ({"started": None}, "the experiment's end stopped the load"),
        ({"started": START - timedelta(minutes=1)}, "the experiment's end stopped the load"),
        ({"ended": START + timedelta(seconds=30)}, "the experiment's end stopped the load"),
        ({"transitions": []}, "each status change was recorded exactly once"),
        ({"dashboard": False}, "JMeter's dashboard was made"),
        ({"jmeter_left": [4711]}, "no JMeter process is left"),
    ],
)
def test_each_step_that_was_not_seen_fails_its_check(changes: dict[str, Any], claim: str) -> None:
    assert claim in failed(replace(evidence(), **changes))


def test_a_recovery_that_was_not_seen_is_a_result_and_no_failure() -> None:
    seen = replace(evidence(), recovery_seconds=None)
    assert failed(seen) == []
    [note] = [check for check in checks(seen) if check.busy]
    assert note.seen == "not recovered within 10 s: this machine is busy"


def test_a_transition_told_twice_fails() -> None:
    seen = evidence()
    doubled = replace(seen, transitions=[*seen.transitions, "STOPPED"])
    assert failed(doubled) == ["each status change was recorded exactly once"]


def test_where_nothing_was_injected_no_fault_is_looked_for() -> None:
    assert failed(evidence(run_figures(felt=False), fault=None)) == []


def test_a_users_own_slow_plan_needs_no_thousands() -> None:
    few = run_figures(felt=False)
    few = replace(few, overall=replace(few.overall, samples=40))
    assert failed(evidence(few, fault=None)) == []
    assert "real requests went out in every phase" in failed(evidence(few))


def test_the_fault_of_the_run_starts_after_the_lead() -> None:
    assert checks(evidence())[0].seen == f"first sample {(FAULT_START - START).total_seconds():.1f} s before it"


def test_transitions_are_read_from_the_events_of_the_api() -> None:
    events = [
        {"ts": 1, "type": "TASK_PENDING", "message": "created"},
        {"ts": 2, "type": "STARTED", "message": "JMeter runs"},
        {"ts": 3, "type": "TASK_RUNNING", "message": "runs"},
        {"ts": 4, "type": "TASK_NOTE", "message": "load proven"},
        {"ts": 5, "type": "STOPPED", "message": "an engine's own word"},
    ]
    assert transitions(map(json.dumps, events)) == ["PENDING", "RUNNING"]


@pytest.mark.parametrize(("shape", "seen"), [({}, True), ({"healed": False}, False), ({"seconds": 27}, False)])
def test_the_demo_waits_for_the_recovery_that_the_verdict_will_tell(shape: dict[str, Any], seen: bool) -> None:
    assert recovered(run_jtl(**shape), FAULT_START, FAULT_END, 1) is seen


def test_samples_that_cannot_be_read_yet_are_no_recovery() -> None:
    assert not recovered(b"", FAULT_START, FAULT_END, 1)
