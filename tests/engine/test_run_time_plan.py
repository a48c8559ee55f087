"""Checking plans and giving their thread groups a duration."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from tandem_engine.plan import NotATestPlan, check_plan, with_duration

from tests.engine.conftest import PLANS

CHECKOUT = Path(__file__).resolve().parents[2] / "examples" / "checkout.jmx"


def _plan(inside: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><jmeterTestPlan><hashTree>{inside}</hashTree></jmeterTestPlan>'.encode()
    )


def _groups(plan: bytes, name: str = "ThreadGroup") -> list[dict[str, list[str | None]]]:
    groups = []
    for group in ET.fromstring(plan).iter(name):
        properties: dict[str, list[str | None]] = {}
        for prop in group:
            properties.setdefault(prop.get("name", ""), []).append(prop.text)
        groups.append(properties)
    return groups


@pytest.mark.parametrize("path", [*sorted(PLANS.glob("*.jmx")), CHECKOUT], ids=lambda path: path.name)
def test_each_thread_group_gets_scheduler_duration_and_no_delay_once(path: Path) -> None:
    (group,) = _groups(with_duration(path.read_bytes(), 77))
    assert group["ThreadGroup.scheduler"] == ["true"]
    assert group["ThreadGroup.duration"] == ["77"]
    assert group["ThreadGroup.delay"] == ["0"]
    assert len(group["ThreadGroup.num_threads"]) == 1


def test_every_thread_group_is_rewritten_whatever_it_held_and_other_groups_are_not() -> None:
    old = '<longProp name="ThreadGroup.duration">5</longProp><stringProp name="ThreadGroup.delay"/>'
    setup = f'<SetupThreadGroup testname="s">{old}</SetupThreadGroup>'
    plan = _plan(
        f'<ThreadGroup testname="a">{old}<boolProp name="ThreadGroup.scheduler">false</boolProp></ThreadGroup>'
        f'<ThreadGroup testname="b > c" note=\'"\'><stringProp name="x">1</stringProp></ThreadGroup>{setup}'
    )
    rewritten = with_duration(plan, 9)
    wanted = {"ThreadGroup.scheduler": ["true"], "ThreadGroup.duration": ["9"], "ThreadGroup.delay": ["0"]}
    assert _groups(rewritten) == [wanted, wanted | {"x": ["1"]}]
    assert setup.encode() in rewritten


def test_nothing_else_of_the_plan_changes_by_a_byte() -> None:
    before = (
        '<!-- <ThreadGroup> --><x><![CDATA[<ThreadGroup>&]]></x><stringProp name="body">a&#xd;\n"é中"&#10;</stringProp>'
    )
    after = "<y a='1'\n b=\"2\" />\r\n"
    rewritten = with_duration(_plan(f"{before}<ThreadGroup></ThreadGroup>{after}"), 9)
    assert before.encode() in rewritten
    assert after.encode() in rewritten


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not well-formed"),
        (b"a,b\n1,2\n", "not well-formed"),
        (b"<jmeterTestPlan><hashTree>", "not well-formed"),
        (b"<project/>", "root element is <project>"),
        ("<jmeterTestPlan/>".encode("utf-16"), "not UTF-8"),
        (
            b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><jmeterTestPlan>&b;</jmeterTestPlan>',
            "entities",
        ),
        (b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><jmeterTestPlan>&f;</jmeterTestPlan>', "entities"),
        (b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1/x"> %p;]><jmeterTestPlan/>', "entities"),
    ],
)
def test_what_is_no_test_plan_is_refused_with_the_reason(content: bytes, said: str) -> None:
    with pytest.raises(NotATestPlan, match=said):
        check_plan(content)
    with pytest.raises(NotATestPlan, match=said):
        with_duration(content, 5)


def test_a_plan_nested_very_deep_is_read() -> None:
    deep = "<hashTree>" * 20_000 + "<ThreadGroup></ThreadGroup>" + "</hashTree>" * 20_000
    assert b"ThreadGroup.duration" in with_duration(_plan(deep), 5)
