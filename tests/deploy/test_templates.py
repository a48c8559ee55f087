"""What can be said of the templates without an AWS account: SAM, cfn-lint, the state machine."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.static_analyser.static_analyser import StaticAnalyser
from tandem.domain.injection import TASK_TAG

from local.resolve import load_cloudformation_yaml
from local.settings import PROJECT
from scripts.choose_api_options import with_api_options
from tests.deploy.conftest import NESTED, TEMPLATE
from tests.factories.scripts import run_script

pytestmark = pytest.mark.slow

EXAMPLE = PROJECT / "examples" / "fis_template.yaml"
WORKFLOW = PROJECT / "functions" / "workflow" / "experiment_load_test.asl.json"
MAX_RESOURCES = 500


@pytest.mark.parametrize("options", [[], ["--lint"]], ids=["validate", "lint"])
def test_sam_takes_the_template(sam_tools: Path, options: list[str]) -> None:
    said = run_script(str(sam_tools / "sam"), "validate", "--template", "template.yaml", *options)
    assert "is a valid SAM Template" in said


def test_cfn_lint_finds_nothing_in_what_sam_makes_of_it(sam_tools: Path, expanded_file: Path) -> None:
    command = [str(sam_tools / "cfn-lint"), "--format", "json", str(expanded_file)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=300).stdout
    found = [f"{each['Rule']['Id']} {each['Message']}" for each in json.loads(said)]
    # The nested templates lie beside the original, as files, until `sam deploy` uploads them; and an ARN that is not
    # given is empty by default, which conditions and rules see to.
    expected = re.compile(r"W3002 |W1030 \{'Ref': '\w+SecretArn'\}")
    assert [each for each in found if not expected.match(each)] == []


@pytest.mark.parametrize("nested", [*NESTED, EXAMPLE], ids=lambda file: file.name)
def test_cfn_lint_finds_nothing_in_the_other_templates(sam_tools: Path, nested: Path) -> None:
    run_script(str(sam_tools / "cfn-lint"), str(nested))


def test_the_stack_stays_within_cloudformations_limit(expanded: dict[str, Any]) -> None:
    assert len(expanded["Resources"]) < MAX_RESOURCES


def operations(expanded: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every route with its operation, as API Gateway gets them."""
    for path, methods in expanded["Resources"]["HttpApi"]["Properties"]["Body"]["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


OPEN_ROUTES = {"GET /health", "GET /openapi.json", "GET /console", "GET /chaos/console"}


def test_every_route_but_the_open_ones_asks_for_an_identity(expanded: dict[str, Any]) -> None:
    found = dict(operations(expanded))
    assert {route for route, operation in found.items() if operation["security"] == [{"NONE": []}]} == OPEN_ROUTES
    assert all(found[route]["security"] == [{"AWS_IAM": []}] for route in found.keys() - OPEN_ROUTES)
    assert "x-amazon-apigateway-cors" not in expanded["Resources"]["HttpApi"]["Properties"]["Body"]


def test_jwt_and_cors_are_chosen_at_the_build(sam_tools: Path, tmp_path: Path) -> None:
    chosen = {
        "JWT_ISSUER": "https://issuer.example/pool",
        "JWT_AUDIENCE": "tandem, console",
        "CORS_ORIGINS": "https://console.example",
    }
    # Beside the original: the paths in it are relative.
    file = PROJECT / f"template.{tmp_path.name}.yaml"
    try:
        file.write_text(with_api_options(TEMPLATE.read_text(), chosen))
        made = json.loads(run_script(str(sam_tools / "python"), "scripts/expand_template.py", file.name))
    finally:
        file.unlink(missing_ok=True)
    found = dict(operations({"Resources": made["Resources"]}))
    routes = {route for route in found if not route.startswith("OPTIONS ")} - OPEN_ROUTES
    assert all(found[route]["security"] == [{"Jwt": []}] for route in routes)
    body = made["Resources"]["HttpApi"]["Properties"]["Body"]
    authorizer = body["components"]["securitySchemes"]["Jwt"]["x-amazon-apigateway-authorizer"]
    assert authorizer["jwtConfiguration"] == {"issuer": chosen["JWT_ISSUER"], "audience": ["tandem", "console"]}
    assert body["x-amazon-apigateway-cors"]["allowOrigins"] == ["https://console.example"]


@pytest.mark.parametrize(
    "chosen",
    [
        {"JWT_ISSUER": "https://issuer.example"},
        {"JWT_AUDIENCE": "tandem"},
        {"JWT_ISSUER": "http://issuer.example", "JWT_AUDIENCE": "tandem"},
        {"JWT_ISSUER": "https://issuer.example", "JWT_AUDIENCE": 'a"b'},
        {"CORS_ORIGINS": "*"},
        {"CORS_ORIGINS": "https://console.example/path"},
    ],
)
def test_half_or_broken_options_are_refused(chosen: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"JWT_|CORS_|characters"):
        with_api_options(TEMPLATE.read_text(), chosen)


def test_each_role_is_under_the_boundary_and_of_one_function(expanded: dict[str, Any]) -> None:
    resources = expanded["Resources"]
    roles = [
        each["Properties"]["Role"]["Fn::GetAtt"][0]
        for each in resources.values()
        if each["Type"] == "AWS::Lambda::Function"
    ]
    assert len(roles) == len(set(roles))
    assert all(resources[role]["Properties"]["PermissionsBoundary"] == {"Ref": "FunctionBoundary"} for role in roles)


def states(definition: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every state, those of Map and Parallel too."""
    for state in definition["States"].values():
        yield state
        for inner in (*state.get("Branches", []), state.get("ItemProcessor"), state.get("Iterator")):
            if inner:
                yield from states(inner)


def test_the_state_machine_parses_as_amazon_states_language() -> None:
    text = WORKFLOW.read_text(encoding="utf-8")
    AmazonStateLanguageParser.parse(text)
    StaticAnalyser().analyse(text)


def asl_validator(file: Path) -> subprocess.CompletedProcess[str]:
    run_script("scripts/setup_asl_validator.sh")
    place = PROJECT / ".build" / "tools" / "asl_validator"
    program = place / "node_modules" / "asl-validator" / "dist" / "bin" / "asl-validator.js"
    command = [str(place / "node"), str(program), "--json-path", str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_asl_validator_finds_nothing_in_the_state_machine() -> None:
    said = asl_validator(WORKFLOW)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "is valid" in said.stdout


def test_asl_validator_would_find_a_fault(tmp_path: Path) -> None:
    broken = json.loads(WORKFLOW.read_text(encoding="utf-8"))
    broken["States"][broken["StartAt"]]["Next"] = "Nowhere"
    file = tmp_path / "broken.asl.json"
    file.write_text(json.dumps(broken))
    said = asl_validator(file)
    assert said.returncode != 0
    assert "Nowhere" in said.stdout + said.stderr


def test_every_aws_call_of_the_state_machine_exists() -> None:
    """A misspelt aws-sdk action or parameter is seen by no validator: botocore's model knows them."""
    session: Any = boto3.session.Session(region_name="us-east-1")
    for state in states(json.loads(WORKFLOW.read_text(encoding="utf-8"))):
        if state["Type"] != "Task":
            continue
        resource = re.fullmatch(
            r"arn:aws:states:::(aws-sdk:)?(\w+):(\w+)(\.waitForTaskToken|\.sync(:2)?)?", state["Resource"]
        )
        assert resource, state["Resource"]
        service, action = resource[2], resource[3][0].upper() + resource[3][1:]
        model = session.client({"sfn": "stepfunctions"}.get(service, service)).meta.service_model
        assert action in model.operation_names, state["Resource"]
        shape = model.operation_model(action).input_shape
        known = {name[0].upper() + name[1:] for name in shape.members}
        given = {name.removesuffix(".$") for name in state.get("Parameters", {})}
        assert given <= known, state["Resource"]
        assert {name[0].upper() + name[1:] for name in shape.required_members} <= given, state["Resource"]


def test_what_the_state_machine_asks_of_fis_is_what_its_role_allows_and_the_example_can_be_started() -> None:
    """Only tagged templates, only experiments of ours: the three places in which the tags stand agree."""
    resources = load_cloudformation_yaml(TEMPLATE)["Resources"]
    [policy] = resources["ExperimentLoadTestStateMachine"]["Properties"]["Policies"]
    statements = [each for each in policy["Statement"] if "fis:" in json.dumps(each["Action"])]
    conditions = [each["Condition"] for each in statements]
    assert conditions == [
        {"StringEquals": {"aws:ResourceTag/tandem": "allowed"}},
        {"Null": {f"aws:RequestTag/{TASK_TAG}": "false"}},
        {"Null": {f"aws:ResourceTag/{TASK_TAG}": "false"}},
    ]
    called = {
        f"fis:{match[1][0].upper()}{match[1][1:]}"
        for match in re.finditer(r"aws-sdk:fis:(\w+)", WORKFLOW.read_text(encoding="utf-8"))
    }
    allowed = {
        action
        for each in statements
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
    }
    assert allowed == called | {"fis:TagResource"}
    example = load_cloudformation_yaml(EXAMPLE)["Resources"]["FaultTemplate"]["Properties"]
    assert example["Tags"]["tandem"] == "allowed"


def test_the_certificates_of_rds_are_authorities_and_will_hold_for_years() -> None:
    import ssl
    import time

    context = ssl.create_default_context(cafile=str(PROJECT / "layers" / "certificates" / "rds-ca-bundle.pem"))
    authorities = context.get_ca_certs()
    assert len(authorities) > 50
    in_a_year = time.time() + 365 * 86400
    assert [each for each in authorities if ssl.cert_time_to_seconds(str(each["notAfter"])) < in_a_year] == []
    assert any("us-east-1" in str(each["subject"]) for each in authorities)


def test_nested_templates_get_what_they_ask_for() -> None:
    resources = load_cloudformation_yaml(TEMPLATE)["Resources"]
    for name, file in (("Engine", "engine.yaml"), ("VpcEndpoints", "vpc_endpoints.yaml")):
        properties = resources[name]["Properties"]
        nested = load_cloudformation_yaml(PROJECT / "infrastructure" / file)
        assert properties["TemplateURL"] == f"infrastructure/{file}"
        required = {each for each, parameter in nested["Parameters"].items() if "Default" not in parameter}
        assert required <= set(properties["Parameters"]) <= set(nested["Parameters"])
