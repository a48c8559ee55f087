"""The body of a start, and the command line that it becomes."""

from pathlib import Path
from typing import Any

import pytest
from tandem_engine.command_line import dashboard_arguments, run_arguments, run_jvm_arguments
from tandem_engine.execution_request import RESERVED_PROPERTIES, ExecutionRequest, parse_request
from tandem_engine.faults import BadArgument


def _request(**fields: Any) -> ExecutionRequest:
    return parse_request({"testPlanPath": "uploads/testplans/x.jmx", **fields}, "1g")


def _arguments(request: ExecutionRequest) -> list[str]:
    return run_arguments(
        request, "0123abcd", Path("/d/x.jmx"), Path("/d/results/r/results.jtl"), Path("/d/results/r/jmeter.log"), 4711
    )


def _final_properties(request: ExecutionRequest) -> dict[str, str]:
    """As JMeter reads them: the last of two wins."""
    pairs = [argument[2:].partition("=") for argument in _arguments(request) if argument.startswith("-J")]
    return {key: value for key, _, value in pairs}


def test_defaults_are_those_of_the_contract() -> None:
    request = _request()
    assert (request.threads, request.loops, request.timeout, request.heap_size) == (1, 1, 3600, "1g")
    assert (request.ramp_up, request.duration) == (None, None)


def test_null_is_as_good_as_absent_and_unknown_fields_are_ignored() -> None:
    assert _request(threads=None, properties=None, jvmArgs=None, heapSize=None, extra=1) == _request()


def test_fields_and_properties_reach_jmeter() -> None:
    properties = _final_properties(
        _request(threads=5, loops=6, rampUp=0, duration=9, properties={"host": "h=1 --x", "on": True, "n": 3})
    )
    assert properties.items() >= {"threads": "5", "loops": "6", "rampUp": "0", "duration": "9"}.items()
    assert properties.items() >= {"host": "h=1 --x", "on": "true", "n": "3"}.items()
    assert properties["jmeterengine.nongui.port"] == properties["jmeterengine.nongui.maxport"] == "4711"
    assert properties["tandem.execution.id"] == "0123abcd"


def test_a_field_wins_over_a_property_and_a_property_over_a_default() -> None:
    assert _final_properties(_request(properties={"threads": "7"}))["threads"] == "7"
    assert _final_properties(_request(threads=2, properties={"threads": "7"}))["threads"] == "2"


def test_a_ramp_up_that_was_not_sent_leaves_the_plans_own_default() -> None:
    assert "rampUp" not in _final_properties(_request())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"testPlanPath": None}, "testPlanPath is required"),
        ({"testPlanPath": ""}, "testPlanPath is required"),
        ({"testPlanPath": 5}, "testPlanPath must be text"),
        ({"testPlanPath": "a\0b"}, "testPlanPath must be text"),
        ({"testName": ["x"]}, "testName must be text"),
        ({"testName": "\ud800"}, "testName must be text"),
        ({"threads": 0}, "threads must be a whole number from 1"),
        ({"threads": True}, "threads must be a whole number"),
        ({"threads": 1.5}, "threads must be a whole number"),
        ({"threads": "2"}, "threads must be a whole number"),
        ({"threads": 10**30}, "threads must be a whole number"),
        ({"loops": -1}, "loops must be a whole number from 1"),
        ({"rampUp": -1}, "rampUp must be a whole number from 0"),
        ({"duration": 0}, "duration must be a whole number from 1"),
        ({"timeout": 9}, "timeout must be a whole number from 10"),
        ({"heapSize": "1 g"}, "heapSize must be digits"),
        ({"heapSize": "-1g"}, "heapSize must be digits"),
        ({"heapSize": "1m"}, "heapSize must be at least"),
        ({"properties": []}, "properties must be an object"),
        ({"properties": {"a=b": "c"}}, "properties has the key 'a=b'"),
        ({"properties": {"": "c"}}, "properties has the key ''"),
        ({"properties": {"-Dx": "c"}}, "properties has the key '-Dx'"),
        ({"properties": {"a\nb": "c"}}, "properties has the key"),
        ({"properties": {"a": "x\ny"}}, "properties.a must be text"),
        ({"properties": {"a": "x\0y"}}, "properties.a must be text"),
        ({"properties": {"a": None}}, "properties.a must be text"),
        ({"properties": {"a": {"b": 1}}}, "properties.a must be text"),
        ({"jvmArgs": {"-javaagent:/tmp/x.jar": ""}}, "jvmArgs has the key"),
        ({"jvmArgs": {"-XX:OnOutOfMemoryError": "reboot"}}, "jvmArgs has the key"),
        ({"jvmArgs": {"-XX:OnError": "reboot"}}, "jvmArgs has the key"),
        ({"jvmArgs": {"-XX:VMOptionsFile": "/x"}}, "jvmArgs has the key"),
        ({"jvmArgs": {"-XX:HeapDumpPath": "/x"}}, "jvmArgs has the key"),
        ({"jvmArgs": {"-jar": "x"}}, "jvmArgs has the key"),
        ({"jvmArgs": {"@/etc/passwd": ""}}, "jvmArgs has the key"),
        ({"jvmArgs": {"-Xss": "1m -jar x"}}, "jvmArgs.-Xss must be"),
    ],
)
def test_a_wrong_field_is_refused_by_name_and_rule(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(BadArgument) as caught:
        _request(**fields)
    assert said in str(caught.value)


def test_all_wrong_fields_are_named_at_once() -> None:
    with pytest.raises(BadArgument, match=r"threads .*; duration .*; timeout "):
        _request(threads=0, duration=0, timeout=0)


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    with pytest.raises(BadArgument, match="JSON object"):
        parse_request(body, "1g")


@pytest.mark.parametrize("name", sorted(RESERVED_PROPERTIES))
def test_what_the_engine_sets_itself_cannot_be_set(name: str) -> None:
    with pytest.raises(BadArgument, match="set by the engine itself"):
        _request(properties={name: "x"})


def test_every_property_that_the_engine_sets_is_reserved() -> None:
    own = {key for key in _final_properties(_request()) if "." in key}
    # Whether redirects and embedded resources have rows is a request's to say.
    assert own - {"jmeter.save.saveservice.subresults"} <= RESERVED_PROPERTIES


def test_the_jvm_is_small_and_quick_unless_told_otherwise() -> None:
    plain = run_jvm_arguments(_request(heapSize="512m"), Path("/p"))
    assert {"-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"} <= set(plain)
    told = run_jvm_arguments(
        _request(jvmArgs={"-XX:+UseG1GC": "", "-XX:TieredStopAtLevel": 4, "-Xss": "512k", "user.timezone": "UTC"}),
        Path("/p"),
    )
    assert "-XX:+UseSerialGC" not in told
    assert {"-XX:+UseG1GC", "-XX:TieredStopAtLevel=4", "-Xss512k", "-Duser.timezone=UTC"} <= set(told)
    assert "-XX:+UseSerialGC" not in run_jvm_arguments(_request(heapSize="8g"), Path("/p"))
    assert "-Xms32768k" in run_jvm_arguments(_request(heapSize="32m"), Path("/p"))


@pytest.mark.parametrize(("samples", "window"), [(0, 20_000), (50_000, 50_000), (10**9, 1_000_000)])
def test_the_dashboards_percentiles_are_over_the_run_within_bounds(samples: int, window: int) -> None:
    arguments = dashboard_arguments("0123abcd", Path("/d/results.jtl"), Path("/d/aside"), samples)
    assert f"-Jjmeter.reportgenerator.statistic_window={window}" in arguments
