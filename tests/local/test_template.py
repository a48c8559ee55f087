"""The template's model: what is read, what is resolved, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.template import Template, TemplateError, load_template
from tests.local.toy_application import TOY_TEMPLATE

LOCAL = {"Stage": "local"}


@pytest.fixture(scope="module")
def toys() -> Template:
    return load_template(TOY_TEMPLATE, LOCAL, "http://127.0.0.1:4999")


def refused(directory: Path, resources: str, rest: str = "") -> str:
    """Reads a template of these resources and returns the message with which it is refused."""
    file = directory / "template.yaml"
    file.write_text(f"{rest}\nResources:\n{resources}", encoding="utf-8")
    with pytest.raises(TemplateError) as caught:
        load_template(file).shared_environment()
    return str(caught.value)


def test_a_function_takes_what_it_does_not_say_from_globals(toys: Template) -> None:
    listener = toys.functions["ListenerFunction"]
    assert (listener.module, listener.attribute) == ("toys.events.listener", "handler")
    assert (listener.timeout, listener.memory_mb, listener.retry_attempts) == (10, 256, 1)
    assert listener.dead_letter_arn == "arn:aws:sqs:us-east-1:123456789012:LostEvents"
    assert toys.functions["AnswerFunction"].timeout == 1


def test_a_resource_whose_condition_is_false_is_not_there(toys: Template) -> None:
    assert "NeverFunction" not in toys.functions


def test_routes_carry_method_path_function_and_whether_they_are_authorized(toys: Template) -> None:
    routes = {route.key: (route.function, route.authorized) for route in toys.routes}
    assert routes["GET /Echo"] == ("EchoFunction", True)
    assert routes["GET /chaos/Echo"] == ("EchoFunction", True)
    assert routes["GET /health"] == ("HealthFunction", False)


def test_environment_is_resolved_with_parameters_mappings_and_references(toys: Template) -> None:
    environment = toys.environment_of("EchoFunction", {"TANDEM_DATABASE_URL": "sqlite://"})
    assert environment == {
        "TANDEM_GREETING": "hello from the local stack",
        "TANDEM_BUS_NAME": "tandem-local",
        "TANDEM_BUCKET": "tandem-uploads-123456789012",
        "TANDEM_WORKFLOW_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:Workflow",
        "TANDEM_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:Token",
        "TANDEM_DATABASE_URL": "sqlite://",
    }


def test_a_parameter_without_a_value_is_missed_only_where_it_is_used(toys: Template) -> None:
    with pytest.raises(TemplateError, match=r"EchoFunction.*TANDEM_DATABASE_URL.*DatabaseHost has no Default"):
        toys.environment_of("EchoFunction")


def test_rules_know_their_bus_pattern_and_targets(toys: Template) -> None:
    rules = {rule.logical_id: rule for rule in toys.rules}
    assert rules["ListenerFunctionGreeted"].bus == "tandem-local"
    assert rules["ListenerFunctionOnDefaultBus"].bus == "default"
    assert rules["ListenerFunctionOnDefaultBus"].pattern == {"source": ["toy.default"]}
    assert rules["EveryMinute"].schedule == "rate(1 minute)"
    assert [target.arn.rsplit(":", 1)[-1] for target in rules["EveryMinute"].targets] == ["SweepFunction", "HalfMinute"]
    assert rules["EveryMinute"].targets[1].input == '{"again": true}'
    assert rules["DailyFunctionDaily"].schedule == "cron(15 3 * * ? *)"


def test_queues_and_their_functions_are_known(toys: Template) -> None:
    work = toys.queues["Work"]
    assert work.url == "http://127.0.0.1:4999/123456789012/Work"
    assert (work.visibility_timeout, work.max_receive_count) == (1, 2)
    assert work.dead_letter_arn == toys.queues["LostWork"].arn
    source = next(source for source in toys.event_sources if source.function == "WorkerFunction")
    assert (source.queue_arn, source.batch_size, source.report_batch_item_failures) == (work.arn, 5, True)


def test_substitutions_stand_in_the_definition_of_a_state_machine(toys: Template) -> None:
    definition = toys.state_machines["Workflow"].definition
    assert toys.functions["StepFunction"].arn in definition
    assert "${" not in definition


def test_two_functions_that_want_different_values_of_a_variable_are_refused(tmp_path: Path) -> None:
    function = (
        "  {0}:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: code/\n"
        "      Handler: a.b\n      Environment: {{Variables: {{MODE: {1}}}}}\n"
    )
    message = refused(tmp_path, function.format("One", "a") + function.format("Two", "b"))
    assert "One and Two give MODE different values" in message


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ("  Q:\n    Type: AWS::SQS::Queue\n    Properties: {DelaySeconds: !Ref Nowhere}", "!Ref Nowhere names no"),
        ("  Q:\n    Type: AWS::SQS::Queue\n    Properties: {DelaySeconds: !Cidr [a]}", "does not know Fn::Cidr"),
        (
            "  Q:\n    Type: AWS::SQS::Queue\n    Properties: {DelaySeconds: !GetAtt Q.Colour}",
            "no value for !GetAtt Q.Colour",
        ),
        ("  Q: {Type: AWS::SQS::Queue}\n  Q: {Type: AWS::SQS::Queue}", "'Q' stands twice (line 4)"),
        (
            "  R:\n    Type: AWS::Events::Rule\n    Properties:\n      EventPattern: {detail: {a: [{sounds-like: b}]}}",
            "does not know the operator ['sounds-like']",
        ),
        (
            "  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: .\n      Handler: a.b\n"
            "      Events: {E: {Type: Alexa}}",
            "Resources.F.Events.E: the local stack does not know events of type Alexa",
        ),
    ],
)
def test_what_cannot_run_locally_is_refused_with_its_place(tmp_path: Path, resources: str, message: str) -> None:
    assert message in refused(tmp_path, resources)


def test_a_substitution_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "flow.asl.json").write_text('{"StartAt": "${First}"}', encoding="utf-8")
    resources = "  M:\n    Type: AWS::Serverless::StateMachine\n    Properties: {DefinitionUri: flow.asl.json}"
    assert "gives no value for ${First}" in refused(tmp_path, resources)
