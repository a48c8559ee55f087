"""What the code needs is in template.yaml, and nothing is there that nobody needs."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.resolve import load_cloudformation_yaml
from tests.architecture.code_permissions import aws_calls_without_a_rule, needs_of

PROJECT = Path(__file__).resolve().parents[2]
TEMPLATES = ("template.yaml", "infrastructure/engine.yaml", "infrastructure/vpc_endpoints.yaml")
DOCUMENT = load_cloudformation_yaml(PROJECT / "template.yaml")
RESOURCES: dict[str, dict[str, Any]] = DOCUMENT["Resources"]
SHARED = DOCUMENT["Globals"]["Function"]
FUNCTIONS = {
    name: each["Properties"] for name, each in RESOURCES.items() if each["Type"] == "AWS::Serverless::Function"
}

MAX_CONNECTIONS = int(RESOURCES["DatabaseParameters"]["Properties"]["Parameters"]["max_connections"])
# For an operator, RDS's own and monitoring.
KEPT_FREE = 30

SENT_BY_POLICY = {"SendMessages": {"events:PutEvents", "sqs:SendMessage", "states:SendTaskSuccess"}}
# Set for the local stack only (local/stack.py): a deployed function has a secret.
LOCAL_VARIABLES = {"TANDEM_DATABASE_URL"}


def granted(properties: dict[str, Any]) -> set[str]:
    """Actions of a function's own policies; a policy for a secret stands for itself."""
    actions = set[str]()
    for policy in properties.get("Policies", []):
        if "Fn::If" in policy:
            policy = policy["Fn::If"][1]
        if "Ref" in policy:
            actions |= SENT_BY_POLICY.get(policy["Ref"], {policy["Ref"]})
        for statement in policy.get("Statement", []):
            given = statement["Action"]
            actions |= {given} if isinstance(given, str) else set(given)
    return actions


def handler_file(properties: dict[str, Any]) -> Path:
    module: str = properties["Handler"].removesuffix(".handler")
    return PROJECT / "functions" / (module.replace(".", "/") + ".py")


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Every mapping of a document."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from nodes(value)
    elif isinstance(node, list):
        for item in node:
            yield from nodes(item)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_may_do_what_its_code_does_and_nothing_more(name: str) -> None:
    assert granted(FUNCTIONS[name]) == needs_of(handler_file(FUNCTIONS[name]))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_may_use_the_queue_or_workflow_that_its_own_settings_name(name: str) -> None:
    policies = json.dumps(FUNCTIONS[name].get("Policies", []))
    for value in FUNCTIONS[name].get("Environment", {}).get("Variables", {}).values():
        referred = value.get("Ref") if isinstance(value, dict) else None
        if referred in RESOURCES:
            assert f'"{referred}"' in policies


def test_every_aws_call_of_the_adapters_has_a_rule() -> None:
    assert aws_calls_without_a_rule() == set()


def test_the_boundary_allows_what_the_functions_are_granted() -> None:
    statements = RESOURCES["FunctionBoundary"]["Properties"]["PolicyDocument"]["Statement"]
    ceiling = set[str]()
    for statement in statements:
        if statement["Effect"] == "Deny":
            continue
        action = statement["Action"]
        ceiling |= {action} if isinstance(action, str) else set(action)
    wanted = set[str]().union(*(granted(each) for each in FUNCTIONS.values())) - {
        "ReadDatabaseSecret",
        "ReadEngineToken",
        "ReadBoxSecret",
    }
    assert wanted <= ceiling
    assert not [action for action in ceiling if "*" in action]


def test_what_lambda_does_with_a_functions_role_is_denied_to_the_functions_code() -> None:
    by_id = {each["Sid"]: each for each in RESOURCES["FunctionBoundary"]["Properties"]["PolicyDocument"]["Statement"]}
    denied = by_id["NoNetworkInterfacesByCode"]
    assert (denied["Effect"], denied["Resource"]) == ("Deny", "*")
    assert set(by_id["NetworkInterfaces"]["Action"]) <= set(denied["Action"])
    assert set(denied["Condition"]["ArnLike"]) == {"lambda:SourceFunctionArn"}


def test_the_engines_files_are_reached_encrypted_and_through_an_access_point_only() -> None:
    engine = load_cloudformation_yaml(PROJECT / "infrastructure" / "engine.yaml")["Resources"]
    statements = engine["Results"]["Properties"]["FileSystemPolicy"]["Statement"]
    assert {each["Effect"] for each in statements} == {"Deny"}
    assert [each["Condition"] for each in statements] == [
        {"Bool": {"aws:SecureTransport": "false"}},
        {"Null": {"elasticfilesystem:AccessPointArn": "true"}},
    ]
    [granted_actions] = [
        statement["Action"]
        for policy in engine["TaskRole"]["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    assert all(set(each["Action"]) == set(granted_actions) for each in statements)


def test_every_setting_that_the_code_reads_is_set_and_the_other_way_round() -> None:
    read = set(re.findall(r'"(TANDEM_\w+)"', (PROJECT / "shared/tandem/settings.py").read_text(encoding="utf-8")))
    variables = set(SHARED["Environment"]["Variables"])
    for properties in FUNCTIONS.values():
        variables |= set(properties.get("Environment", {}).get("Variables", {}))
    assert {name for name in variables if name.startswith("TANDEM_")} == read - LOCAL_VARIABLES


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"MigrateDatabaseFunction"}))
def test_no_function_is_changed_before_the_database_is_migrated(name: str) -> None:
    assert RESOURCES[name]["DependsOn"] == "DatabaseMigration"


def test_wildcards_stand_only_where_aws_allows_nothing_else() -> None:
    allowed = {"NetworkInterfaces", "Traces", "FindFaults", "TheAccountAdministers", "CloudWatchPublishes"}
    found = []
    for template in TEMPLATES:
        for node in nodes(load_cloudformation_yaml(PROJECT / template)):
            if node.get("Effect") == "Allow" and node.get("Resource") == "*" and node.get("Sid") not in allowed:
                found.append(node)
    # Step Functions' delivery of its logs: the actions belong to the account.
    assert [action.partition(":")[0] for node in found for action in node["Action"]] == ["logs"] * 8
    assert len(found) == 1


def copies(properties: dict[str, Any]) -> int:
    """How many of a function there are at most, by the parameters' defaults."""
    [condition, given, otherwise] = properties.get(
        "ReservedConcurrentExecutions", SHARED["ReservedConcurrentExecutions"]
    )["Fn::If"]
    assert (condition, otherwise) == ("ReservesConcurrency", {"Ref": "AWS::NoValue"})
    return int(DOCUMENT["Parameters"][given["Ref"]]["Default"] if isinstance(given, dict) else given)


def test_functions_at_full_size_leave_connections_of_the_database_free() -> None:
    assert SHARED["Environment"]["Variables"]["TANDEM_DATABASE_POOL_SIZE"] == "1"
    holding = {name: copies(each) for name, each in FUNCTIONS.items() if holds_a_connection(each)}
    assert sum(holding.values()) <= MAX_CONNECTIONS - KEPT_FREE, holding


def holds_a_connection(properties: dict[str, Any]) -> bool:
    return bool(needs_of(handler_file(properties)) & {"ReadDatabaseSecret", "secretsmanager:GetSecretValue"})


def test_nothing_is_made_that_nobody_refers_to() -> None:
    text = json.dumps({key: value for key, value in DOCUMENT.items() if key != "Parameters"})
    # These act by being there.
    acting = (
        "Policy",
        "Alarm",
        "MetricFilter",
        "Permission",
        "Dashboard",
        "Rule",
        "Ingress",
        "Endpoints",
        "Subscription",
    )
    unused = [
        name
        for name, each in RESOURCES.items()
        if f'"{name}"' not in text.replace(f'"{name}": {{', "", 1)
        and f"${{{name}" not in text
        and not each["Type"].endswith(acting)
        and each["Type"] not in {"AWS::Serverless::Function", "AWS::CloudFormation::Stack", "AWS::SNS::Subscription"}
        and name not in {"SyncTick"}
    ]
    assert unused == []
    managed = {name for name, each in RESOURCES.items() if each["Type"] == "AWS::IAM::ManagedPolicy"}
    assert not [name for name in managed if text.count(f'"Ref": "{name}"') == 0]


def test_every_parameter_says_what_it_is() -> None:
    assert not [name for name, parameter in DOCUMENT["Parameters"].items() if not parameter.get("Description")]


def test_the_layers_hold_what_is_locked() -> None:
    for locked, copy in (
        ("runtime", "layers/dependencies"),
        ("analysis", "layers/analysis"),
        ("migrations", "migrations"),
    ):
        assert (PROJECT / copy / "requirements.txt").read_text() == (PROJECT / f"requirements/{locked}.txt").read_text()


def test_layers_that_share_a_library_agree_on_its_version() -> None:
    versions = [
        dict(
            re.findall(
                r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", (PROJECT / f"requirements/{locked}.txt").read_text(), re.MULTILINE
            )
        )
        for locked in ("runtime", "migrations")
    ]
    shared = set(versions[0]) & set(versions[1])
    assert "sqlalchemy" in shared
    assert {name: versions[0][name] for name in shared} == {name: versions[1][name] for name in shared}
