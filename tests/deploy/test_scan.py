"""`make scan`: what programs that look for weaknesses find in templates, permissions and code; and what we ship."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tandem_engine.jmeter_home import find_jmeter

from local.resolve import load_cloudformation_yaml
from local.settings import PROJECT
from tests.deploy.accepted_findings import ACCEPTED, ACCEPTED_IN_CODE, ACCEPTED_PERMISSIONS, FUNCTIONS
from tests.deploy.conftest import NESTED
from tests.deploy.iam_policies import Policy, policies_of
from tests.factories.scripts import run_script

pytestmark = pytest.mark.slow

SCANNED = ("shared", "functions", "engine", "local", "scripts", "migrations")
# Which resources there are differs; between them these two make all.
EVERYTHING_CREATED = {"CreateDatabase": "true", "CreateEngine": "true", "BoxUrl": "https://box.example"}
EVERYTHING_GIVEN = {"CreateDatabase": "false", "CreateEngine": "false"}
# A finding that ruff knows too is accepted where it stands, with the reason behind it.
REASON_IN_LINE = re.compile(r"# noqa: (?:[A-Z]+\d+, )*S(\d{3})(?:, [A-Z]+\d+)* - \S.+")


@pytest.fixture(scope="module")
def scan_tools() -> Path:
    """The programs of requirements/scan.txt."""
    run_script("scripts/setup_tool.sh", "scan")
    return PROJECT / ".build" / "tools" / "scan" / "bin"


# --- templates ------------------------------------------------------------------------------------------------------
def test_the_security_scan_finds_only_what_is_accepted_with_a_reason(scan_tools: Path, expanded_file: Path) -> None:
    files = [argument for file in (expanded_file, *NESTED) for argument in ("-f", str(file))]
    command = [str(scan_tools / "checkov"), *files, "--framework", "cloudformation"]
    scan = subprocess.run(
        [*command, "--quiet", "--skip-download", "--soft-fail", "-o", "json"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert scan.returncode == 0, scan.stderr
    report = json.loads(scan.stdout)
    assert report["summary"]["passed"] > 500
    assert report["summary"]["parsing_errors"] == 0
    found: dict[str, set[str]] = {}
    for failed in report["results"]["failed_checks"]:
        kind, _, name = failed["resource"].rpartition(".")
        accepted = ACCEPTED.get(failed["check_id"], (frozenset(), ""))[0]
        all_functions = accepted == FUNCTIONS and kind == "AWS::Lambda::Function"
        found.setdefault(failed["check_id"], set()).add(FUNCTIONS if all_functions else name)
    assert found == {check: {who} if isinstance(who, str) else set(who) for check, (who, _) in ACCEPTED.items()}


# --- permissions ----------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def policies(expanded: dict[str, Any]) -> dict[str, Policy]:
    """Every policy of ours, by ``<logical id>.<policy>``; those that depend on a parameter in both forms."""
    found = {}
    for parameters in (EVERYTHING_CREATED, EVERYTHING_GIVEN):
        for name, policy in policies_of(expanded, parameters).items():
            found[f"{name}.{'created' if parameters is EVERYTHING_CREATED else 'given'}"] = policy
    for file in NESTED:
        for name, policy in policies_of(load_cloudformation_yaml(file), {}).items():
            found[f"{name}.{file.stem}"] = policy
    return found


def judged(scan_tools: Path, place: Path, policies: Mapping[str, Policy]) -> set[tuple[str, str]]:
    """Parliament's findings, as kind and ``<logical id>.<policy>``, but for NO_VERSION."""
    for name, policy in policies.items():
        (place / f"{name}.json").write_text(json.dumps(policy))
    command = [str(scan_tools / "parliament"), "--json", "--directory", str(place)]
    # Its exit status says whether there are findings.
    said = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert said.returncode in {0, 1}, said.stderr
    found = [json.loads(line) for line in said.stdout.splitlines()]
    # It tells NO_VERSION for the wrong file; the test below looks itself.
    return {
        (each["issue"], Path(each["location"]["filepath"]).name.removesuffix(".json").rpartition(".")[0])
        for each in found
        if each["issue"] != "NO_VERSION"
    }


def test_parliament_finds_only_what_is_accepted_in_the_permissions(
    scan_tools: Path, policies: dict[str, Policy], tmp_path: Path
) -> None:
    assert len(policies) > 80
    assert judged(scan_tools, tmp_path, policies) == set(ACCEPTED_PERMISSIONS)
    assert all(ACCEPTED_PERMISSIONS.values())


def test_every_policy_of_ours_has_the_version_in_which_variables_work(policies: dict[str, Policy]) -> None:
    without = {name for name, policy in policies.items() if policy.get("Version") != "2012-10-17"}
    # SAM writes these, for the queue of what failed; no variable is in them.
    assert {name for name in without if "EventInvokeConfigOnFailure" not in name} == set()


@pytest.mark.parametrize(
    ("statement", "issue"),
    [
        ({"Effect": "Allow", "Action": "s3:GetObjct", "Resource": "*"}, "UNKNOWN_ACTION"),
        ({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}, "RESOURCE_STAR"),
        ({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:s3:::x"}, "RESOURCE_MISMATCH"),
        (
            {
                "Effect": "Allow",
                "Action": "s3:GetObject",
                "Resource": "arn:aws:s3:::x/*",
                "Condition": {"StringEquals": {"s3:nosuch": "x"}},
            },
            "UNKNOWN_CONDITION_FOR_ACTION",
        ),
    ],
)
def test_parliament_would_find_a_wrong_permission(
    scan_tools: Path, tmp_path: Path, statement: dict[str, Any], issue: str
) -> None:
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    assert (issue, "Role.wrong") in judged(scan_tools, tmp_path, {"Role.wrong.given": policy})


# --- code -----------------------------------------------------------------------------------------------------------
def scan_of_code(scan_tools: Path, *places: str) -> dict[str, Any]:
    command = [str(scan_tools / "bandit"), "-q", "-r", *places, "-f", "json"]
    said = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=300)
    assert said.returncode in {0, 1}, said.stderr
    report: dict[str, Any] = json.loads(said.stdout)
    return report


def accepted_in_line(file: str, line: int, check: str) -> bool:
    text = (PROJECT / file).read_text(encoding="utf-8").splitlines()[line - 1]
    reason = REASON_IN_LINE.search(text)
    return reason is not None and f"B{reason[1]}" == check


def test_bandit_finds_only_what_is_accepted_with_a_reason_in_the_code(scan_tools: Path) -> None:
    report = scan_of_code(scan_tools, *SCANNED)
    assert report["errors"] == []
    assert report["metrics"]["_totals"]["loc"] > 20_000
    assert {file.split("/")[0] for file in report["metrics"] if file != "_totals"} == set(SCANNED)
    found = set()
    for each in report["results"]:
        check, file = each["test_id"], each["filename"]
        if not accepted_in_line(file, each["line_number"], check):
            everywhere = (check, f"{file.split('/')[0]}/")
            found.add(everywhere if everywhere in ACCEPTED_IN_CODE else (check, file))
    assert found == set(ACCEPTED_IN_CODE)
    assert all(ACCEPTED_IN_CODE.values())


def test_bandit_would_find_a_weakness(scan_tools: Path, tmp_path: Path) -> None:
    (tmp_path / "weak.py").write_text("import subprocess\nsubprocess.run(input(), shell=True)\n")
    found = {each["test_id"] for each in scan_of_code(scan_tools, str(tmp_path))["results"]}
    assert "B602" in found


# --- what is shipped ------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def bills(scan_tools: Path) -> dict[str, Any]:
    """The bills of materials, written anew to .build/sbom; a file that is no CycloneDX is never written."""
    place = PROJECT / ".build" / "sbom"
    jmeter = find_jmeter(os.environ, PROJECT / ".build" / "jmeter")
    assert jmeter.home is not None
    run_script(str(scan_tools / "python"), "scripts/write_sbom.py", str(place), str(jmeter.home))
    return {name: json.loads((place / f"{name}.json").read_text()) for name in (*LOCKS, "engine")}


LOCKS = ("runtime", "analysis", "migrations")


@pytest.mark.parametrize("name", [*LOCKS, "engine"])
def test_the_bill_of_materials_has_every_locked_package_with_its_checksums(bills: dict[str, Any], name: str) -> None:
    lock = (PROJECT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    locked = {f"{package}@{version}" for package, version in re.findall(r"^([\w.-]+)==([\w.]+)", lock, re.MULTILINE)}
    packages = {
        each["purl"].removeprefix("pkg:pypi/").partition("?")[0]: each
        for each in bills[name]["components"]
        if each.get("purl", "").startswith("pkg:pypi/")
    }
    assert locked
    assert set(packages) == locked
    sums = {
        checksum["content"]
        for package in packages.values()
        for reference in package["externalReferences"]
        for checksum in reference["hashes"]
    }
    assert sums == set(re.findall(r"--hash=sha256:(\w+)", lock))


def test_the_bill_of_the_engine_has_every_jar_and_image_with_its_version(bills: dict[str, Any]) -> None:
    bill = bills["engine"]
    home = find_jmeter(os.environ, PROJECT / ".build" / "jmeter").home
    assert home is not None
    jars = {each["bom-ref"].removeprefix("jar:"): each for each in bill["components"] if "jar:" in each["bom-ref"]}
    assert set(jars) == {file.relative_to(home).as_posix() for file in home.rglob("*.jar")}
    assert [file for file, jar in jars.items() if not jar.get("version") or not jar["hashes"]] == []
    by_name = {jar["name"]: jar for jar in jars.values()}
    assert by_name["xstream"]["purl"].startswith("pkg:maven/com.thoughtworks.xstream/xstream@1.")
    assert by_name["log4j-1.2-api"]["version"] == by_name["log4j-core"]["version"]
    assert {"jmeter-plugins-casutg", "jmeter-plugins-tst", "jmeter-plugins-wsc"} <= set(by_name)
    # What is built into a jar is a component as well: scanners of vulnerabilities look there.
    built_in = {each["name"] for each in by_name["neo4j-java-driver"]["components"]}
    assert "netty-handler" in built_in
    images = {f"{each['name']}:{each['version']}" for each in bill["components"] if each["type"] == "container"}
    dockerfile = (PROJECT / "engine" / "Dockerfile").read_text(encoding="utf-8")
    assert images == set(re.findall(r"^FROM (\S+)@", dockerfile, re.MULTILINE))
    told = {each["name"]: each["value"] for each in bill["metadata"]["properties"]}
    assert told["tandem:jmeter:image"] == re.findall(r"^ARG JMETER_VERSION=(\S+)", dockerfile, re.MULTILINE)[0]
    assert told["tandem:jmeter:jars"] == by_name["ApacheJMeter_core"]["version"]
