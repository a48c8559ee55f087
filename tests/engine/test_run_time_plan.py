"""The copy of a plan that is run: its load lasts as long as was asked, whatever groups make it."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from tandem_engine.execution_request import ExecutionRequest, FileBeside
from tandem_engine.plan import NotATestPlan, read_outline
from tandem_engine.plan_groups import thread_groups_of
from tandem_engine.run_time_plan import SCHEDULER_MARGIN, RunTimePlan, make_run_time_plan

from tests.engine.conftest import PLANS

CHECKOUT = Path(__file__).resolve().parents[2] / "examples" / "checkout.jmx"


def _plan(inside: str, serialised: bool = False) -> bytes:
    head = (
        f'<TestPlan testname="p"><boolProp name="TestPlan.serialize_threadgroups">{str(serialised).lower()}</boolProp>'
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><jmeterTestPlan><hashTree>{head}</TestPlan><hashTree>{inside}'
        "</hashTree></hashTree></jmeterTestPlan>"
    ).encode()


def _group(*properties: str, name: str = "g", kind: str = "ThreadGroup", more: str = "", enabled: str = "true") -> str:
    inside = "".join(
        f'<stringProp name="{key}">{value}</stringProp>'
        for key, _, value in (each.partition("=") for each in properties)
    )
    return f'<{kind} testname="{name}" enabled="{enabled}">{inside}{more}</{kind}><hashTree/>'


def _made(plan: bytes, duration: int | None = 100, **fields: object) -> RunTimePlan:
    request = ExecutionRequest(test_plan_path="x.jmx", duration=duration, **fields)  # type: ignore[arg-type]
    return make_run_time_plan(plan, request)


def _groups(plan: bytes, name: str = "ThreadGroup") -> list[dict[str, list[str | None]]]:
    groups = []
    for group in ET.fromstring(plan).iter(name):
        properties: dict[str, list[str | None]] = {}
        for prop in group.iter():
            properties.setdefault(prop.get("name", ""), []).append(prop.text)
        groups.append(properties)
    return groups


@pytest.mark.parametrize("path", [*sorted(PLANS.glob("*.jmx")), CHECKOUT], ids=lambda path: path.name)
def test_each_main_group_is_scheduled_beyond_the_duration_and_loops_for_ever(path: Path) -> None:
    for group in _groups(_made(path.read_bytes(), 77).content):
        assert group["ThreadGroup.scheduler"] == ["true"]
        assert group["ThreadGroup.duration"] == [str(77 + SCHEDULER_MARGIN)]
        assert group["ThreadGroup.delay"] == ["0"]
        assert group["LoopController.loops"] == ["-1"]
        assert len(group["ThreadGroup.num_threads"]) == 1


def test_set_up_and_tear_down_groups_keep_their_loops_and_their_timing() -> None:
    own = '<boolProp name="ThreadGroup.scheduler">true</boolProp><stringProp name="ThreadGroup.duration">5</stringProp>'
    inside = [
        f'<{kind} testname="s">{own}<elementProp name="ThreadGroup.main_controller">'
        f'<intProp name="LoopController.loops">3</intProp></elementProp></{kind}>'
        for kind in ("SetupThreadGroup", "PostThreadGroup", "org.apache.jmeter.threads.SetupThreadGroup")
    ]
    made = _made(_plan("".join(inside) + _group(name="load"))).content.decode()
    for group in inside:
        assert group in made


@pytest.mark.parametrize(
    "controller",
    [
        '<elementProp name="ThreadGroup.main_controller" elementType="LoopController"><boolProp '
        'name="LoopController.continue_forever">false</boolProp><stringProp name="LoopController.loops">${__P(loops,1)}'
        "</stringProp></elementProp>",
        '<elementProp name="ThreadGroup.main_controller" elementType="GenericController"/>',
        "",
    ],
    ids=["loops by an expression", "a controller that runs once", "none"],
)
def test_a_group_that_would_end_by_itself_is_made_to_last_unless_its_loops_are_respected(controller: str) -> None:
    plan = _plan(_group("ThreadGroup.num_threads=2", more=controller))
    (group,) = _groups(_made(plan).content)
    assert (group["LoopController.loops"], len(group["ThreadGroup.main_controller"])) == (["-1"], 1)
    kept = _made(plan, respect_loops=True).content.decode()
    assert controller in kept
    assert "ThreadGroup.duration" in kept


def test_without_a_duration_only_the_tear_down_on_a_stop_is_set() -> None:
    plan = _plan(_group("ThreadGroup.num_threads=2"))
    changed = _made(plan, None).content
    flag = b'<boolProp name="TestPlan.tearDown_on_shutdown">true</boolProp>'
    assert changed.count(flag) == 1
    assert changed.replace(flag, b"") == plan
    off = plan.replace(b"</TestPlan>", b'<boolProp name="TestPlan.tearDown_on_shutdown">false</boolProp></TestPlan>')
    assert _made(off, None).content == changed


def test_a_delay_below_the_duration_is_kept_and_the_group_ends_with_the_load() -> None:
    on = "ThreadGroup.scheduler=true"
    plan = _plan(
        _group(on, "ThreadGroup.delay=10", name="first")
        + _group(on, "ThreadGroup.delay=40", name="late")
        + _group(on, "ThreadGroup.delay=300", name="never")
        + _group(on, "ThreadGroup.delay=${__P(wait,25)}", name="by property")
        + _group(on, "ThreadGroup.delay=${__time(,)}", name="unknown")
        + _group("ThreadGroup.delay=40", name="switched off"),
    )
    made = _made(plan)
    shape = [(*group["ThreadGroup.delay"], *group["ThreadGroup.duration"]) for group in _groups(made.content)]
    whole = str(100 + SCHEDULER_MARGIN)
    assert shape == [
        *(("10", str(90 + SCHEDULER_MARGIN + 0)), ("40", str(60 + SCHEDULER_MARGIN)), ("0", whole)),
        *(("${__P(wait,25)}", str(75 + SCHEDULER_MARGIN)), ("${__time(,)}", whole), ("0", whole)),
    ]
    assert made.start_delay == 0
    assert made.notes == ["thread group never: its start delay of 300 s is left out: the load ends before"]


def test_the_load_lasts_its_duration_from_its_first_group_on_when_all_are_delayed() -> None:
    made = _made(_plan(_group("ThreadGroup.scheduler=true", "ThreadGroup.delay=40")))
    assert made.start_delay == 40
    assert _groups(made.content)[0]["ThreadGroup.duration"] == [str(100 + SCHEDULER_MARGIN)]


def test_groups_that_run_one_after_another_share_the_duration() -> None:
    groups = _group(name="a") + _group(name="off", enabled="false") + _group(name="b") + _group(name="c")
    made = _made(_plan(groups, serialised=True), 90)
    lengths = {group: text for group, text in zip("aobc", _durations(made.content), strict=True) if group != "o"}
    assert lengths == {"a": "30", "b": "30", "c": str(90 + SCHEDULER_MARGIN)}


def _durations(content: bytes) -> list[str]:
    return [group.get("ThreadGroup.duration", [""])[0] or "" for group in _groups(content)]


_PAUSE = "rate(0/s) pause(600 s)"


@pytest.mark.parametrize(
    ("schedule", "lasting"),
    [
        (
            "rate(10/s) random_arrivals(60 s)",
            "rate(10/s) random_arrivals(60.000 s) rate(10/s) rate(10/s) random_arrivals(40.000 s) rate(10/s) " + _PAUSE,
        ),
        (
            "rate(60/min) even_arrivals(1 min 10 s) pause(500 ms) // to the end",
            "rate(1/s) even_arrivals(70.000 s) pause(0.500 s) rate(1/s) rate(1/s) even_arrivals(29.500 s) rate(1/s) "
            + _PAUSE,
        ),
        (
            "rate(1/s) random_arrivals(60 s) rate(5/s) random_arrivals(20 s)",
            "rate(1/s) random_arrivals(60.000 s) rate(5/s) random_arrivals(20.000 s) rate(5/s) rate(1/s) "
            f"random_arrivals(20.000 s) rate(2.33333333/s) {_PAUSE}",
        ),
        ("rate(0) random_arrivals(200 s) rate(8/s)", f"rate(0/s) random_arrivals(100.000 s) rate(4/s) {_PAUSE}"),
        ("rate(2 per s) random_arrivals(${__P(far,2)} h)", f"rate(2/s) random_arrivals(100.000 s) rate(2/s) {_PAUSE}"),
        ("rate(1/s) random_arrivals(${n} s)", "\n".join(["rate(1/s) random_arrivals(${n} s)"] * 1000)),
        ("whatever this is", "whatever this is"),
    ],
)
def test_an_open_model_sends_for_exactly_the_duration(schedule: str, lasting: str) -> None:
    kind = "org.apache.jmeter.threads.openmodel.OpenModelThreadGroup"
    plan = _plan(_group(f"OpenModelThreadGroup.schedule={schedule}", kind=kind))
    (group,) = _groups(_made(plan).content, kind)
    assert group["OpenModelThreadGroup.schedule"] == [lasting]
    assert f">{schedule}<".encode() in _made(plan, respect_loops=True).content


def _ultimate(*rows: tuple[int | str, ...]) -> str:
    cells = "".join(
        '<collectionProp name="r">'
        + "".join(f'<stringProp name="1">{cell}</stringProp>' for cell in row)
        + "</collectionProp>"
        for row in rows
    )
    table = f'<collectionProp name="ultimatethreadgroupdata">{cells}</collectionProp>'
    return _group(kind="kg.apc.jmeter.threads.UltimateThreadGroup", more=table)


def _cells(content: bytes) -> list[list[str | None]]:
    return [
        [cell.text for cell in row] for row in ET.fromstring(content).iter("collectionProp") if row.get("name") == "r"
    ]


def test_the_rows_of_an_ultimate_group_that_end_last_hold_for_longer() -> None:
    made = _made(_plan(_ultimate((5, 0, 10, 20, 5), (3, 20, 10, 20, 10))))
    assert _cells(made.content) == [["5", "0", "10", "20", "5"], ["3", "20", "10", "60", "10"]]
    long = _plan(_ultimate((5, 0, 10, 200, 5)))
    assert _cells(_made(long).content) == [["5", "0", "10", "200", "5"]]
    unknown = _plan(_ultimate((5, 0, 10, "${hold}", 5)))
    assert _cells(_made(unknown).content) == [["5", "0", "10", "${hold}", "5"]]
    assert _made(_plan(_ultimate((5, 15, 0, 10, 0)))).start_delay == 15


def test_a_stepping_group_flies_for_longer_and_a_concurrency_group_holds_for_longer() -> None:
    stepping = _group(
        *("ThreadGroup.num_threads=10", "Threads initial delay=4", "Start users count=2", "Start users count burst=0"),
        *("Start users period=5", "Stop users count=5", "Stop users period=3", "flighttime=20", "rampUp=1"),
        kind="kg.apc.jmeter.threads.SteppingThreadGroup",
    )
    made = _made(_plan(stepping))
    # 4 further steps of 5 + 1 s, the flight, 1 descent of 3 s: 47 s.
    assert _groups(made.content, "kg.apc.jmeter.threads.SteppingThreadGroup")[0]["flighttime"] == ["73"]
    assert made.start_delay == 4
    kind = "com.blazemeter.jmeter.threads.concurrency.ConcurrencyThreadGroup"
    for unit, before, after in (("S", "10", "90"), ("M", "1", "1.5"), ("M", "3", "3")):
        ramp = "10" if unit == "S" else "0.1666666667"
        plan = _plan(
            _group("TargetLevel=4", f"RampUp={ramp}", f"Hold={before}", f"Unit={unit}", "Iterations=3", kind=kind)
        )
        (group,) = _groups(_made(plan).content, kind)
        assert (group["Hold"], group["Iterations"]) == ([after], [None])


def test_paths_of_files_that_go_along_become_their_names_beside_the_plan() -> None:
    path = "/data/uploads/once/us&ers_20260101_000000_0123abcd.csv"
    plan = _plan(
        '<CSVDataSet><stringProp name="filename">/data/uploads/once/us&amp;ers_20260101_000000_0123abcd.csv'
        "</stringProp></CSVDataSet>"
    )
    made = _made(plan, None, files=(FileBeside(path, "my users & more.csv"),))
    assert b'<stringProp name="filename">my users &amp; more.csv</stringProp>' in made.content


def test_nothing_else_of_the_plan_changes_by_a_byte() -> None:
    before = (
        '<!-- <ThreadGroup> --><x><![CDATA[<ThreadGroup>&]]></x><stringProp name="body">a&#xd;\n"é中"&#10;</stringProp>'
    )
    after = "<y a='1'\n b=\"2\" />\r\n"
    rewritten = _made(_plan(f"{before}<ThreadGroup></ThreadGroup>{after}"), 9).content
    assert before.encode() in rewritten
    assert after.encode() in rewritten


def test_a_group_written_with_its_class_or_strange_attributes_is_one_too() -> None:
    plan = _plan(
        '<org.apache.jmeter.threads.ThreadGroup testname="b > c" note=\'"\'></org.apache.jmeter.threads.ThreadGroup>'
    )
    made = _made(plan)
    assert re.search(rb"ThreadGroup.duration", made.content)
    assert thread_groups_of(made.content) == [["b > c", "org.apache.jmeter.threads.ThreadGroup"]]


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
        read_outline(content)
    with pytest.raises(NotATestPlan, match=said):
        _made(content, 5)


def test_a_plan_nested_very_deep_is_read() -> None:
    deep = "<hashTree>" * 20_000 + "<ThreadGroup></ThreadGroup>" + "</hashTree>" * 20_000
    assert b"ThreadGroup.duration" in _made(_plan(deep), 5).content
