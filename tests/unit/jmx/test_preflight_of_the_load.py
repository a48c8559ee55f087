"""What a plan does by itself, beside the load that a definition and its strategy ask for."""

import pytest
from tandem.adapters.jmx.reader import read_plan
from tandem.domain.preflight import judge
from tandem.domain.preflight_case import LoadShape
from tandem.domain.preflight_policy import PreflightPolicy
from tandem.domain.preflight_report import Finding, FindingCode, PreflightReport, Severity

ENDPOINT = "http://127.0.0.1:8080"
PROPERTIES = {"protocol": "http", "host": "127.0.0.1", "port": "8080", "path": "", "threads": "2"}


def group(name: str, **values: str) -> str:
    shape = {"num_threads": "${__P(threads,1)}", "ramp_time": "0", "scheduler": "false", **values}
    loops = shape.pop("loops", "-1")
    properties = "".join(f'<stringProp name="ThreadGroup.{key}">{value}</stringProp>' for key, value in shape.items())
    return (
        f'<ThreadGroup guiclass="ThreadGroupGui" testclass="ThreadGroup" testname="{name}" enabled="true">{properties}'
        '<elementProp name="ThreadGroup.main_controller" elementType="LoopController">'
        f'<stringProp name="LoopController.loops">{loops}</stringProp></elementProp></ThreadGroup><hashTree/>'
    )


def plan(*groups: str, serialised: bool = False, below: str = "") -> bytes:
    return (
        '<jmeterTestPlan version="1.2"><hashTree><TestPlan guiclass="TestPlanGui" testclass="TestPlan" testname="P">'
        f'<boolProp name="TestPlan.serialize_threadgroups">{str(serialised).lower()}</boolProp></TestPlan><hashTree>'
        f"{''.join(groups)}{below}</hashTree></hashTree></jmeterTestPlan>"
    ).encode()


def sampler(**values: str) -> str:
    properties = "".join(f'<stringProp name="HTTPSampler.{key}">{value}</stringProp>' for key, value in values.items())
    return (
        f'<HTTPSamplerProxy guiclass="HttpTestSampleGui" testname="request">{properties}</HTTPSamplerProxy><hashTree/>'
    )


def report_on(content: bytes, shape: LoadShape | None = None, policy: PreflightPolicy | None = None) -> PreflightReport:
    return judge(read_plan([content]), policy or PreflightPolicy(), PROPERTIES, ENDPOINT, shape=shape)


def the_one(report: PreflightReport, code: FindingCode) -> Finding:
    (finding,) = [finding for finding in report.findings if finding.code is code]
    return finding


AS_ASKED = LoadShape(threads=2, ramp_up_sec=0)


def test_a_plan_that_follows_the_definition_has_no_finding() -> None:
    assert report_on(plan(group("Users")), AS_ASKED).findings == ()


def test_finite_loops_are_worth_knowing_because_the_engine_repeats_them() -> None:
    finding = the_one(report_on(plan(group("Users", loops="3")), AS_ASKED), FindingCode.FINITE_LOOPS)
    assert finding.severity is Severity.OK
    assert ("loops", 3) in finding.values


def test_finite_loops_that_are_respected_are_a_warning() -> None:
    shape = LoadShape(2, 0, respect_loops=True)
    assert (
        the_one(report_on(plan(group("Users", loops="3")), shape), FindingCode.FINITE_LOOPS).severity is Severity.WARN
    )


def test_groups_that_run_one_after_another_are_a_warning() -> None:
    two = group("First"), group("Second")
    finding = the_one(report_on(plan(*two, serialised=True), LoadShape(4, 0)), FindingCode.SERIALISED_GROUPS)
    assert (finding.severity, dict(finding.values)) == (Severity.WARN, {"groups": 2})
    assert report_on(plan(two[0], serialised=True), AS_ASKED).findings == ()
    assert report_on(plan(*two), LoadShape(4, 0)).findings == ()


def test_a_start_delay_beyond_the_loads_end_is_named_as_left_out() -> None:
    later = plan(group("Now"), group("Later", scheduler="true", delay="300"))
    finding = the_one(report_on(later, LoadShape(4, 0, duration_sec=120)), FindingCode.DELAY_OVERRIDDEN)
    assert (finding.severity, finding.element) == (Severity.WARN, "Later")
    assert dict(finding.values) == {"delay": 300, "duration": 120}


def test_a_start_delay_within_the_load_is_kept_and_no_finding() -> None:
    later = plan(group("Now"), group("Later", scheduler="true", delay="30"))
    assert report_on(later, LoadShape(4, 0, duration_sec=120)).findings == ()


def test_a_start_delay_without_a_scheduler_never_holds() -> None:
    assert report_on(plan(group("Now", delay="300")), LoadShape(2, 0, duration_sec=120)).findings == ()


def test_a_ramp_up_of_the_plans_own_is_worth_knowing_because_the_warm_up_follows_it() -> None:
    finding = the_one(report_on(plan(group("Users", ramp_time="8")), AS_ASKED), FindingCode.OWN_RAMP_UP)
    assert (finding.severity, dict(finding.values)) == (Severity.OK, {"rampUp": 8, "asked": 0})
    assert report_on(plan(group("Users", ramp_time="8")), LoadShape(2, 8)).findings == ()


def test_threads_that_are_written_out_do_not_follow_the_definition() -> None:
    six = plan(group("One", num_threads="2"), group("Two", num_threads="4"))
    finding = the_one(report_on(six, AS_ASKED), FindingCode.THREADS_WRITTEN_OUT)
    assert dict(finding.values) == {"threads": 6, "asked": 2, "engines": 1}
    assert report_on(six, LoadShape(6, 0)).findings == ()


def test_threads_that_are_written_out_count_on_every_engine() -> None:
    six, policy = plan(group("One", num_threads="6")), PreflightPolicy(max_threads=17)
    assert report_on(six, LoadShape(6, 0, engines=2), policy).denials == ()
    (denial,) = report_on(six, LoadShape(6, 0, engines=3), policy).denials
    assert (denial.code, dict(denial.values)) == (FindingCode.TOO_MANY_THREADS, {"threads": 18, "allowed": 17})
    assert report_on(plan(group("Follows")), LoadShape(2, 0, engines=3), PreflightPolicy(max_threads=2)).denials == ()


@pytest.mark.parametrize(
    ("port", "protocol", "differs"),
    [("8080", "http", False), ("${__P(port)}", "", False), ("9001", "", True), ("", "http", True), ("", "https", True)],
)
def test_another_port_of_the_endpoints_host_is_another_target(port: str, protocol: str, differs: bool) -> None:
    request = sampler(domain="127.0.0.1", port=port, protocol=protocol, path="/")
    found = report_on(plan(group("Users"), below=request), AS_ASKED).findings
    assert [finding.code for finding in found] == [FindingCode.TARGET_DIFFERS] * differs


def test_a_url_is_shown_without_what_it_carries() -> None:
    request = sampler(path="http://ann:sesame@evil.example/a?token=sesame")
    finding = the_one(report_on(plan(group("Users"), below=request), AS_ASKED), FindingCode.TARGET_DIFFERS)
    assert "evil.example" in finding.message
    assert "sesame" not in str(finding)


def test_the_heap_size_has_a_ceiling() -> None:
    policy = PreflightPolicy(max_heap="2g")
    assert report_on(plan(group("Users")), LoadShape(2, 0, heap_size="2048m"), policy).denials == ()
    (denial,) = report_on(plan(group("Users")), LoadShape(2, 0, heap_size="2049m"), policy).denials
    assert denial.code is FindingCode.TOO_MUCH_HEAP


HEADER = (
    '<HeaderManager guiclass="HeaderPanel" testname="headers"><collectionProp name="HeaderManager.headers">'
    '<elementProp name="" elementType="Header"><stringProp name="Header.name">{name}</stringProp>'
    '<stringProp name="Header.value">{value}</stringProp></elementProp></collectionProp></HeaderManager><hashTree/>'
)


@pytest.mark.parametrize(
    ("below", "secret"),
    [
        (HEADER.format(name="Authorization", value="Bearer s3same"), "s3same"),
        (HEADER.format(name="X-Api-Key", value="s3same"), "s3same"),
        (HEADER.format(name="X", value="AKIA" + "A1" * 8), "AKIAA1"),
        (HEADER.format(name="Cookie", value=f"t=eyJ{'a' * 12}.eyJ{'b' * 12}.{'c' * 12}"), "eyJ"),
        (
            '<AuthManager guiclass="AuthPanel" testname="auth"><collectionProp name="AuthManager.auth_list">'
            '<elementProp name="" elementType="Authorization"><stringProp name="Authorization.password">s3same'
            "</stringProp></elementProp></collectionProp></AuthManager><hashTree/>",
            "s3same",
        ),
        (
            '<Arguments guiclass="ArgumentsPanel" testname="vars"><collectionProp name="Arguments.arguments">'
            '<elementProp name="x" elementType="Argument"><stringProp name="Argument.name">db_password</stringProp>'
            '<stringProp name="Argument.value">s3same</stringProp></elementProp></collectionProp></Arguments>'
            "<hashTree/>",
            "s3same",
        ),
    ],
)
def test_a_secret_in_a_plan_is_named_and_never_repeated(below: str, secret: str) -> None:
    finding = the_one(report_on(plan(group("Users"), below=below), AS_ASKED), FindingCode.SECRET_IN_PLAN)
    assert finding.severity is Severity.WARN
    assert secret not in str(finding)


@pytest.mark.parametrize(
    ("name", "value"),
    [("Authorization", "Bearer ${token}"), ("Authorization", "${__P(auth)}"), ("Authorization", ""), ("Accept", "a")],
)
def test_a_header_that_a_variable_fills_holds_no_secret(name: str, value: str) -> None:
    assert report_on(plan(group("Users"), below=HEADER.format(name=name, value=value)), AS_ASKED).findings == ()
