"""The names and kinds of a plan's enabled thread groups."""

import pytest
from tandem.adapters.jmx.thread_groups import read_plan_shape, read_thread_groups
from tandem.adapters.jmx.url_plan import write_url_plan
from tandem.domain.definition import UrlCase
from tandem.domain.errors import InvalidTestPlan
from tandem.domain.url_plan import UrlPlan
from tandem_samples import GroupKind, ThreadGroup, ThreadGroups


def plan(*groups: str) -> bytes:
    tree = "".join(f"{group}<hashTree/>" for group in groups)
    return f"<jmeterTestPlan><hashTree><TestPlan/><hashTree>{tree}</hashTree></hashTree></jmeterTestPlan>".encode()


def test_each_kind_of_group_is_told() -> None:
    content = plan(
        '<SetupThreadGroup testname="准备" enabled="true"/>',
        '<ThreadGroup testname="Users ${__P(env)}"/>',
        '<com.blazemeter.jmeter.threads.concurrency.ConcurrencyThreadGroup testname="Concurrency"/>',
        '<kg.apc.jmeter.threads.UltimateThreadGroup testname="Ultimate" testclass="SetupThreadGroup"/>',
        '<OpenModelThreadGroup testname="Open"/>',
        '<Anything class="org.apache.jmeter.threads.PostThreadGroup" testname="Clean-up"/>',
    )
    assert read_thread_groups([content]) == (
        ThreadGroup("准备", GroupKind.SETUP),
        ThreadGroup("Users ${__P(env)}", GroupKind.MAIN),
        ThreadGroup("Concurrency", GroupKind.MAIN),
        ThreadGroup("Ultimate", GroupKind.MAIN),
        ThreadGroup("Open", GroupKind.MAIN),
        ThreadGroup("Clean-up", GroupKind.TEARDOWN),
    )


def test_the_longest_ramp_up_of_the_main_groups_is_read_as_far_as_it_is_known() -> None:
    def group(kind: str, ramp_up: str, more: str = "") -> str:
        return f'<{kind} testname="g" {more}><stringProp name="ThreadGroup.ramp_time">{ramp_up}</stringProp></{kind}>'

    content = plan(
        group("SetupThreadGroup", "90"),
        group("ThreadGroup", "8"),
        group("ThreadGroup", "${__P(rampUp,3)}"),
        group("ThreadGroup", "${unknown}"),
        group("ThreadGroup", "80", 'enabled="false"'),
    )
    assert read_plan_shape([content], {"rampUp": "5"}).ramp_up == 8
    assert read_plan_shape([content], {"rampUp": "50"}).ramp_up == 50
    assert read_plan_shape([plan(group("ThreadGroup", ""))], {}).ramp_up == 0


def test_disabled_groups_are_left_out() -> None:
    content = plan(
        '<SetupThreadGroup testname="a" enabled="false"/>',
        '<ThreadGroup testname="b"><boolProp name="TestElement.enabled">false</boolProp></ThreadGroup>',
        '<ThreadGroup testname="c"/>',
    )
    assert [group.name for group in read_thread_groups([content])] == ["c"]


def test_all_groups_of_a_disabled_plan_are_left_out() -> None:
    content = plan('<ThreadGroup testname="a"/>').replace(b"<TestPlan/>", b'<TestPlan enabled="false"/>')
    assert read_thread_groups([content]) == ()


def test_of_a_name_that_is_very_long_the_rest_may_be_anything() -> None:
    name = "x" * 500
    [group] = read_thread_groups([plan(f'<SetupThreadGroup testname="{name}"/>')])
    assert ThreadGroups([group]).kind_of(f"{name} 1-1").kind is GroupKind.SETUP


@pytest.mark.parametrize("name", ["checkout", "100 ${__time()} of \\ it", "a,b"])
def test_the_group_of_a_plan_for_one_url_is_told(name: str) -> None:
    written = write_url_plan(UrlPlan(name, "http://shop.test", UrlCase(), 1, 0, None, 1))
    [group] = read_thread_groups([written])
    assert group.kind is GroupKind.MAIN
    assert ThreadGroups([group]).kind_of(f"{name} 1-1").matched


def test_what_is_no_plan_is_refused() -> None:
    with pytest.raises(InvalidTestPlan):
        read_thread_groups([b"<html/>"])
