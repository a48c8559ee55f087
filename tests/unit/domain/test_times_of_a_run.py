"""What set-up groups, tear-down groups and the plan's own ramp-up make of the times that a run goes by."""

from dataclasses import replace
from datetime import timedelta

from tandem_samples import GroupKind, ThreadGroup

from tests.factories.experiments import NOON, engine_run, run

GROUPS = [
    ThreadGroup("Login", GroupKind.SETUP),
    ThreadGroup("Users", GroupKind.MAIN),
    ThreadGroup("Clean", GroupKind.TEARDOWN),
]


def test_a_plan_of_main_groups_alone_keeps_the_deadline_and_the_gate_as_they_were() -> None:
    plain = run()
    plain.know_thread_groups(GROUPS[1:2])
    plain.accept_load(engine_run(), 120, NOON)
    assert plain.deadline == NOON + timedelta(seconds=60 + 120)
    assert plain.gate_deadline == NOON + timedelta(seconds=60)


def test_set_up_and_tear_down_groups_get_their_time_before_the_deadline() -> None:
    whole = run()
    whole.know_thread_groups(GROUPS)
    whole.accept_load(engine_run(), 120, NOON)
    assert whole.deadline == NOON + timedelta(seconds=300 + 60 + 30 + 120)


def test_the_gate_waits_for_set_up_groups_and_counts_from_the_first_sample() -> None:
    prepared = run()
    prepared.know_thread_groups(GROUPS)
    prepared.accept_load(engine_run(), 120, NOON)
    assert prepared.gate_deadline == NOON + timedelta(seconds=300 + 60)
    prepared.see_first_sample(NOON + timedelta(seconds=40))
    assert prepared.gate_deadline == NOON + timedelta(seconds=40 + 60)


def test_the_warm_up_is_the_longer_of_the_definitions_ramp_up_and_the_plans_own() -> None:
    plan = run().required_plan
    assert plan.ramp_up_sec == plan.definition.ramp_up
    assert replace(plan, own_ramp_up=8).ramp_up_sec == max(8, plan.definition.ramp_up)
    longer = replace(plan, definition=replace(plan.definition, ramp_up=20), own_ramp_up=8)
    assert longer.ramp_up_sec == 20


def test_what_is_known_of_the_groups_does_not_change_when_it_is_told_again() -> None:
    told = run()
    told.know_thread_groups(GROUPS, 8)
    told.know_thread_groups(GROUPS[1:], 0)
    assert (told.required_plan.thread_groups, told.required_plan.own_ramp_up) == (tuple(GROUPS), 8)
