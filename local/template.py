"""The typed model of template.yaml: what of it the local stack runs, and what the tests check."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from local.resolve import ACCOUNT_ID, REGION, Resolver, TemplateError, load_cloudformation_yaml

__all__ = [
    "Bucket",
    "EventBus",
    "EventSource",
    "Function",
    "Queue",
    "Route",
    "Rule",
    "Secret",
    "StateMachine",
    "Target",
    "Template",
    "TemplateError",
    "load_template",
]

LOCAL_BUS_NAME = "tandem-local"
DEFAULT_AWS_ENDPOINT = "http://127.0.0.1:5001"
_FUNCTION = "AWS::Serverless::Function"
_STATE_MACHINE = "AWS::Serverless::StateMachine"
_PATTERN_OPERATORS = {
    "anything-but",
    "cidr",
    "equals-ignore-case",
    "exists",
    "numeric",
    "prefix",
    "suffix",
    "wildcard",
}
_UNSUPPORTED_TARGET_INPUTS = ("InputTransformer",)


@dataclass(frozen=True)
class Function:
    """A Lambda function; `module` and `attribute` say where its handler is, `timeout` is in seconds."""

    logical_id: str
    name: str
    handler: str
    code_uri: str
    module: str
    attribute: str
    timeout: int
    memory_mb: int
    retry_attempts: int
    dead_letter_arn: str | None
    on_failure_arn: str | None

    @property
    def arn(self) -> str:
        """The function's ARN, unqualified."""
        return f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{self.name}"


@dataclass(frozen=True)
class Route:
    """One route of the HTTP API; `function` is a logical id, `authorized` is false for `Authorizer: NONE`."""

    method: str
    path: str
    function: str
    authorized: bool

    @property
    def key(self) -> str:
        """API Gateway's route key, such as `GET /GetLoadTestTask`."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Target:
    """Where a rule delivers: the ARN of a function, a queue or a state machine."""

    identifier: str
    arn: str
    input: str | None
    input_path: str | None
    retry_attempts: int | None
    dead_letter_arn: str | None


@dataclass(frozen=True)
class Rule:
    """An EventBridge rule (or SAM schedule): either an event pattern on a bus or a schedule expression."""

    logical_id: str
    name: str
    bus: str
    pattern: dict[str, Any] | None
    schedule: str | None
    targets: tuple[Target, ...]
    enabled: bool

    @property
    def arn(self) -> str:
        """The rule's ARN, with the bus in it unless that is the default one."""
        prefix = "" if self.bus == "default" else f"{self.bus}/"
        return f"arn:aws:events:{REGION}:{ACCOUNT_ID}:rule/{prefix}{self.name}"


@dataclass(frozen=True)
class Queue:
    """An SQS queue; delay, visibility timeout and retention are in seconds."""

    logical_id: str
    name: str
    url: str
    delay_seconds: int
    visibility_timeout: int
    retention_seconds: int
    dead_letter_arn: str | None
    max_receive_count: int | None

    @property
    def arn(self) -> str:
        """The queue's ARN."""
        return f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{self.name}"


@dataclass(frozen=True)
class EventSource:
    """A queue that feeds a function (`function` is a logical id)."""

    queue_arn: str
    function: str
    batch_size: int
    report_batch_item_failures: bool


@dataclass(frozen=True)
class StateMachine:
    """A Step Functions state machine; `definition` is its ASL text with the substitutions made."""

    logical_id: str
    name: str
    definition: str

    @property
    def arn(self) -> str:
        """The state machine's ARN."""
        return f"arn:aws:states:{REGION}:{ACCOUNT_ID}:stateMachine:{self.name}"


@dataclass(frozen=True)
class EventBus:
    """An EventBridge bus of our own."""

    logical_id: str
    name: str


@dataclass(frozen=True)
class Bucket:
    """An S3 bucket. `expirations`: after how many days objects below a prefix are deleted."""

    logical_id: str
    name: str
    expirations: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Secret:
    """A Secrets Manager secret: a text of the template, or what Secrets Manager is to generate."""

    logical_id: str
    name: str
    text: str | None
    generate: dict[str, Any] | None


@dataclass(frozen=True)
class Template:
    """Everything of a template that runs locally. The mappings go by logical id."""

    path: Path
    functions: dict[str, Function]
    routes: tuple[Route, ...]
    rules: tuple[Rule, ...]
    queues: dict[str, Queue]
    event_sources: tuple[EventSource, ...]
    state_machines: dict[str, StateMachine]
    buses: dict[str, EventBus]
    buckets: dict[str, Bucket]
    secrets: dict[str, Secret]
    layer_directories: tuple[Path, ...]
    _environments: dict[str, dict[str, Any]] = field(repr=False)
    _resolver: Resolver = field(repr=False)

    def function_by_arn(self, arn_or_name: str) -> Function | None:
        """The function that an ARN (qualified or not) or a plain name means."""
        name = arn_or_name.split(":function:")[-1].split(":")[0]
        return next((function for function in self.functions.values() if function.name == name), None)

    def environment_of(self, logical_id: str, overrides: Mapping[str, str] | None = None) -> dict[str, str]:
        """A function's environment variables (Globals and its own); an overridden value is not even resolved."""
        given = overrides or {}
        resolved: dict[str, str] = {}
        for name, node in self._environments[logical_id].items():
            if name in given:
                resolved[name] = given[name]
                continue
            value = self._resolver.resolve(node, f"Resources.{logical_id}.Environment.{name}")
            if isinstance(value, str | int | float | bool):
                resolved[name] = str(value).lower() if isinstance(value, bool) else str(value)
            elif isinstance(value, dict | list):
                raise TemplateError(f"Resources.{logical_id}.Environment.{name} is no text: {value!r}")
        return resolved

    def shared_environment(self, overrides: Mapping[str, str] | None = None) -> dict[str, str]:
        """The union of all functions' environments, for the one process that they share locally.

        Raises TemplateError when two functions want different values of one variable.
        """
        union: dict[str, str] = {}
        origin: dict[str, str] = {}
        for logical_id in self.functions:
            for name, value in self.environment_of(logical_id, overrides).items():
                if union.setdefault(name, value) != value:
                    raise TemplateError(
                        f"the functions {origin[name]} and {logical_id} give {name} different values "
                        f"({union[name]!r} and {value!r}), and locally all functions share one environment"
                    )
                origin.setdefault(name, logical_id)
        return union


def load_template(
    path: Path | str,
    parameters: Mapping[str, str] | None = None,
    aws_endpoint: str = DEFAULT_AWS_ENDPOINT,
) -> Template:
    """Reads a SAM template. `parameters` replace the parameters' defaults; unknown names among them are ignored.

    Raises TemplateError, naming the place, for whatever the local stack cannot run.
    """
    return _TemplateReader(Path(path), parameters or {}, aws_endpoint).read()


class _TemplateReader:
    def __init__(self, path: Path, parameters: Mapping[str, str], aws_endpoint: str) -> None:
        self._path = path
        self._document = load_cloudformation_yaml(path)
        self._aws_endpoint = aws_endpoint
        self._resolver = Resolver(self._document, parameters, self._reference, self._attribute)
        globals_ = self._document.get("Globals") or {}
        self._function_globals: dict[str, Any] = globals_.get("Function") or {}
        self._resources: dict[str, dict[str, Any]] = {}
        self._resources = {
            logical_id: resource
            for logical_id, resource in self._document["Resources"].items()
            if "Condition" not in resource
            or self._resolver.condition(resource["Condition"], f"Resources.{logical_id}.Condition")
        }

    def read(self) -> Template:
        routes: list[Route] = []
        rules: list[Rule] = []
        sources: list[EventSource] = []
        for logical_id, resource in self._of_type(_FUNCTION, _STATE_MACHINE):
            for event_id, event in (self._raw(resource).get("Events") or {}).items():
                self._read_event(logical_id, resource["Type"], event_id, event, routes, rules, sources)
        rules.extend(self._read_rule(logical_id) for logical_id, _ in self._of_type("AWS::Events::Rule"))
        functions = {logical_id: self._read_function(logical_id) for logical_id, _ in self._of_type(_FUNCTION)}
        self._refuse_duplicates("route", (route.key for route in routes))
        self._refuse_duplicates("function name", (function.name for function in functions.values()))
        return Template(
            path=self._path,
            functions=functions,
            routes=tuple(routes),
            rules=tuple(rules),
            queues={logical_id: self._read_queue(logical_id) for logical_id, _ in self._of_type("AWS::SQS::Queue")},
            event_sources=tuple(sources),
            state_machines={
                logical_id: self._read_state_machine(logical_id) for logical_id, _ in self._of_type(_STATE_MACHINE)
            },
            buses={
                logical_id: EventBus(logical_id, self._name(logical_id))
                for logical_id, _ in self._of_type("AWS::Events::EventBus")
            },
            buckets={
                logical_id: Bucket(logical_id, self._name(logical_id), self._expirations(logical_id))
                for logical_id, _ in self._of_type("AWS::S3::Bucket")
            },
            secrets={
                logical_id: self._read_secret(logical_id)
                for logical_id, _ in self._of_type("AWS::SecretsManager::Secret")
            },
            layer_directories=tuple(self._layer_directories()),
            _environments={logical_id: self._environment_nodes(logical_id) for logical_id in functions},
            _resolver=self._resolver,
        )

    # -- resources by name ------------------------------------------------------------------------------------

    def _of_type(self, *types: str) -> list[tuple[str, dict[str, Any]]]:
        return [(logical_id, resource) for logical_id, resource in self._resources.items() if resource["Type"] in types]

    @staticmethod
    def _raw(resource: Mapping[str, Any]) -> dict[str, Any]:
        return resource.get("Properties") or {}

    def _property(self, logical_id: str, name: str, default: Any = None) -> Any:
        properties = self._raw(self._resources[logical_id])
        if name not in properties:
            return default
        value = self._resolver.resolve({name: properties[name]}, f"Resources.{logical_id}.Properties")
        return value.get(name, default)

    def _name(self, logical_id: str) -> str:
        """The physical name: the template's own where it gives one, else one made from the logical id."""
        kind = self._resources[logical_id]["Type"]
        if kind == "AWS::Events::EventBus":
            return LOCAL_BUS_NAME
        name_property = {
            _FUNCTION: "FunctionName",
            _STATE_MACHINE: "Name",
            "AWS::SQS::Queue": "QueueName",
            "AWS::S3::Bucket": "BucketName",
            "AWS::SecretsManager::Secret": "Name",
            "AWS::Events::Rule": "Name",
        }.get(kind)
        given = self._property(logical_id, name_property) if name_property else None
        if given:
            return str(given)
        if kind == "AWS::S3::Bucket":
            return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", logical_id).lower()
        return logical_id

    def _reference(self, logical_id: str) -> str | None:
        resource = self._resources.get(logical_id)
        if resource is None:
            return None
        name, kind = self._name(logical_id), resource["Type"]
        if kind == "AWS::SQS::Queue":
            return f"{self._aws_endpoint}/{ACCOUNT_ID}/{name}"
        if kind in (_STATE_MACHINE, "AWS::SecretsManager::Secret"):
            return self._arn(logical_id)
        return name

    def _attribute(self, logical_id: str, attribute: str) -> str | None:
        if logical_id not in self._resources:
            return None
        name, kind = self._name(logical_id), self._resources[logical_id]["Type"]
        if attribute == "Arn" or (kind == "AWS::SecretsManager::Secret" and attribute == "Id"):
            return self._arn(logical_id)
        if attribute in ("Name", "QueueName", "FunctionName"):
            return name
        if attribute == "QueueUrl" and kind == "AWS::SQS::Queue":
            return self._reference(logical_id)
        return None

    def _arn(self, logical_id: str) -> str | None:
        name, kind = self._name(logical_id), self._resources[logical_id]["Type"]
        regional = f"{REGION}:{ACCOUNT_ID}"
        arns = {
            _FUNCTION: f"arn:aws:lambda:{regional}:function:{name}",
            _STATE_MACHINE: f"arn:aws:states:{regional}:stateMachine:{name}",
            "AWS::SQS::Queue": f"arn:aws:sqs:{regional}:{name}",
            "AWS::Events::EventBus": f"arn:aws:events:{regional}:event-bus/{name}",
            "AWS::Events::Rule": f"arn:aws:events:{regional}:rule/{name}",
            "AWS::S3::Bucket": f"arn:aws:s3:::{name}",
            # Without the six random characters: Secrets Manager accepts such a partial ARN.
            "AWS::SecretsManager::Secret": f"arn:aws:secretsmanager:{regional}:secret:{name}",
            "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT_ID}:role/{name}",
            "AWS::Logs::LogGroup": f"arn:aws:logs:{regional}:log-group:{name}:*",
            "AWS::SNS::Topic": f"arn:aws:sns:{regional}:{name}",
            "AWS::KMS::Key": f"arn:aws:kms:{regional}:key/{name}",
        }
        return arns.get(kind)

    # -- functions --------------------------------------------------------------------------------------------

    def _function_property(self, logical_id: str, name: str, default: Any = None) -> Any:
        value = self._property(logical_id, name)
        if value is not None:
            return value
        if name in self._function_globals:
            return self._resolver.resolve(self._function_globals[name], f"Globals.Function.{name}")
        return default

    def _read_function(self, logical_id: str) -> Function:
        place = f"Resources.{logical_id}"
        handler, code_uri = (self._function_property(logical_id, name) for name in ("Handler", "CodeUri"))
        if not isinstance(handler, str) or handler.count(".") < 1:
            raise TemplateError(f"{place}.Handler must be module.attribute, not {handler!r}")
        if not isinstance(code_uri, str):
            raise TemplateError(f"{place}.CodeUri must be a directory beside the template, not {code_uri!r}")
        package = ".".join(part for part in PurePosixPath(code_uri).parts if part != ".")
        module, attribute = handler.rsplit(".", 1)
        invoke_config = self._function_property(logical_id, "EventInvokeConfig", {})
        dead_letter = self._function_property(logical_id, "DeadLetterQueue", {})
        on_failure = invoke_config.get("DestinationConfig", {}).get("OnFailure", {})
        return Function(
            logical_id=logical_id,
            name=self._name(logical_id),
            handler=handler,
            code_uri=code_uri,
            module=f"{package}.{module}" if package else module,
            attribute=attribute,
            timeout=int(self._function_property(logical_id, "Timeout", 3)),
            memory_mb=int(self._function_property(logical_id, "MemorySize", 128)),
            retry_attempts=int(invoke_config.get("MaximumRetryAttempts", 2)),
            dead_letter_arn=dead_letter.get("TargetArn"),
            on_failure_arn=on_failure.get("Destination"),
        )

    def _environment_nodes(self, logical_id: str) -> dict[str, Any]:
        nodes: dict[str, Any] = {}
        own = self._raw(self._resources[logical_id]).get("Environment") or {}
        for environment in (self._function_globals.get("Environment") or {}, own):
            nodes.update(environment.get("Variables") or {})
        return nodes

    def _layer_directories(self) -> Iterable[Path]:
        for logical_id, _ in self._of_type("AWS::Serverless::LayerVersion"):
            content = self._property(logical_id, "ContentUri")
            if isinstance(content, str) and (self._path.parent / content).is_dir():
                yield (self._path.parent / content).resolve()

    # -- events -----------------------------------------------------------------------------------------------

    def _read_event(
        self,
        logical_id: str,
        kind: str,
        event_id: str,
        event: Mapping[str, Any],
        routes: list[Route],
        rules: list[Rule],
        sources: list[EventSource],
    ) -> None:
        place = f"Resources.{logical_id}.Events.{event_id}"
        properties = self._resolver.resolve(event.get("Properties") or {}, place)
        event_type = event.get("Type")
        if event_type == "HttpApi" and kind == _FUNCTION:
            routes.append(self._read_route(logical_id, properties, place))
        elif event_type == "SQS" and kind == _FUNCTION:
            if properties.get("Enabled", True):
                sources.append(self._read_source(logical_id, properties, place))
        elif event_type in ("EventBridgeRule", "CloudWatchEvent", "Schedule", "ScheduleV2"):
            rules.append(self._read_sam_rule(logical_id, event_id, str(event_type), properties, place))
        else:
            raise TemplateError(f"{place}: the local stack does not know events of type {event_type}")

    def _read_route(self, function: str, properties: Mapping[str, Any], place: str) -> Route:
        path, method = properties.get("Path"), str(properties.get("Method", "")).upper()
        if not isinstance(path, str) or not path.startswith("/") or not method:
            raise TemplateError(f"{place}: a route needs a Path that begins with / and a Method")
        authorizer = (properties.get("Auth") or {}).get("Authorizer")
        return Route("ANY" if method == "*" else method, path, function, authorized=authorizer != "NONE")

    @staticmethod
    def _read_source(function: str, properties: Mapping[str, Any], place: str) -> EventSource:
        if "Queue" not in properties:
            raise TemplateError(f"{place}: an SQS event needs a Queue")
        return EventSource(
            queue_arn=properties["Queue"],
            function=function,
            batch_size=int(properties.get("BatchSize", 10)),
            report_batch_item_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
        )

    def _read_sam_rule(
        self, logical_id: str, event_id: str, event_type: str, properties: Mapping[str, Any], place: str
    ) -> Rule:
        dead_letter = dict(properties.get("DeadLetterConfig") or {})
        if "QueueLogicalId" in dead_letter:
            dead_letter["Arn"] = self._arn(dead_letter["QueueLogicalId"])
        schedule = properties.get("Schedule") or properties.get("ScheduleExpression")
        if properties.get("ScheduleExpressionTimezone", "UTC") != "UTC":
            raise TemplateError(f"{place}: local schedules know no time zone but UTC")
        scheduled = event_type in ("Schedule", "ScheduleV2")
        arn = self._arn(logical_id) or ""
        target = self._read_target({**properties, "Arn": arn, "DeadLetterConfig": dead_letter}, place)
        return self._rule(
            logical_id=f"{logical_id}{event_id}",
            name=str(properties.get("RuleName") or properties.get("Name") or f"{logical_id}{event_id}"),
            bus=properties.get("EventBusName"),
            pattern=None if scheduled else properties.get("Pattern"),
            schedule=schedule if scheduled else None,
            targets=(target,),
            state=properties.get("State", "ENABLED" if properties.get("Enabled", True) else "DISABLED"),
            place=place,
        )

    def _read_rule(self, logical_id: str) -> Rule:
        place = f"Resources.{logical_id}"
        properties = self._resolver.resolve(self._raw(self._resources[logical_id]), place)
        targets = [
            self._read_target(target, f"{place}.Targets[{index}]")
            for index, target in enumerate(properties.get("Targets") or [])
        ]
        return self._rule(
            logical_id=logical_id,
            name=self._name(logical_id),
            bus=properties.get("EventBusName"),
            pattern=properties.get("EventPattern"),
            schedule=properties.get("ScheduleExpression"),
            targets=tuple(targets),
            state=properties.get("State", "ENABLED"),
            place=place,
        )

    @staticmethod
    def _rule(
        *,
        logical_id: str,
        name: str,
        bus: Any,
        pattern: dict[str, Any] | None,
        schedule: str | None,
        targets: tuple[Target, ...],
        state: str,
        place: str,
    ) -> Rule:
        if (pattern is None) == (schedule is None):
            raise TemplateError(f"{place}: a rule needs either a pattern or a schedule")
        if pattern is not None:
            _check_pattern(pattern, place)
        bus_name = str(bus).rsplit("/", 1)[-1] if bus else "default"
        return Rule(logical_id, name, bus_name, pattern, schedule, targets, enabled=state == "ENABLED")

    @staticmethod
    def _read_target(properties: Mapping[str, Any], place: str) -> Target:
        for name in _UNSUPPORTED_TARGET_INPUTS:
            if name in properties:
                raise TemplateError(f"{place}.{name}: the local stack does not know it")
        if not properties.get("Arn"):
            raise TemplateError(f"{place}: a target needs an Arn")
        retry = (properties.get("RetryPolicy") or {}).get("MaximumRetryAttempts")
        given = properties.get("Input")
        return Target(
            identifier=str(properties.get("Id", "")),
            arn=properties["Arn"],
            input=given if given is None or isinstance(given, str) else json.dumps(given),
            input_path=properties.get("InputPath"),
            retry_attempts=None if retry is None else int(retry),
            dead_letter_arn=(properties.get("DeadLetterConfig") or {}).get("Arn"),
        )

    # -- the rest ---------------------------------------------------------------------------------------------

    def _read_queue(self, logical_id: str) -> Queue:
        name = self._name(logical_id)
        redrive = self._property(logical_id, "RedrivePolicy") or {}
        return Queue(
            logical_id=logical_id,
            name=name,
            url=f"{self._aws_endpoint}/{ACCOUNT_ID}/{name}",
            delay_seconds=int(self._property(logical_id, "DelaySeconds", 0)),
            visibility_timeout=int(self._property(logical_id, "VisibilityTimeout", 30)),
            retention_seconds=int(self._property(logical_id, "MessageRetentionPeriod", 345600)),
            dead_letter_arn=redrive.get("deadLetterTargetArn"),
            max_receive_count=int(redrive["maxReceiveCount"]) if "maxReceiveCount" in redrive else None,
        )

    def _read_state_machine(self, logical_id: str) -> StateMachine:
        place = f"Resources.{logical_id}"
        uri = self._property(logical_id, "DefinitionUri")
        if not isinstance(uri, str):
            raise TemplateError(f"{place}: the local stack needs a DefinitionUri, a file beside the template")
        try:
            definition = (self._path.parent / uri).read_text(encoding="utf-8")
        except OSError as exc:
            raise TemplateError(f"{place}.DefinitionUri: {uri} cannot be read: {exc.strerror}") from exc
        substitutions = self._property(logical_id, "DefinitionSubstitutions", {})
        for name, value in substitutions.items():
            definition = definition.replace("${" + name + "}", str(value))
        left = re.search(r"\$\{\w+\}", definition)
        if left:
            raise TemplateError(f"{place}.DefinitionSubstitutions gives no value for {left.group()} of {uri}")
        try:
            json.loads(definition)
        except ValueError as exc:
            raise TemplateError(f"{place}.DefinitionUri: {uri} is no JSON after the substitutions: {exc}") from exc
        return StateMachine(logical_id, self._name(logical_id), definition)

    def _read_secret(self, logical_id: str) -> Secret:
        return Secret(
            logical_id,
            self._name(logical_id),
            self._property(logical_id, "SecretString"),
            self._property(logical_id, "GenerateSecretString"),
        )

    def _expirations(self, logical_id: str) -> dict[str, int]:
        """Of the life-cycle rules those that delete current objects by prefix and age; the others matter to AWS."""
        rules = (self._property(logical_id, "LifecycleConfiguration") or {}).get("Rules") or []
        return {
            rule["Prefix"]: int(rule["ExpirationInDays"])
            for rule in rules
            if rule.get("Status") == "Enabled" and rule.get("Prefix") and rule.get("ExpirationInDays")
        }

    def _refuse_duplicates(self, what: str, names: Iterable[str]) -> None:
        seen: set[str] = set()
        for name in names:
            if name in seen:
                raise TemplateError(f"{self._path}: the {what} {name} stands twice")
            seen.add(name)


def _check_pattern(pattern: Mapping[str, Any], place: str) -> None:
    """Refuses operators that the local matcher does not know: it would let every event pass.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
    """
    for key, value in pattern.items():
        if key == "$or":
            for alternative in value:
                _check_pattern(alternative, place)
        elif isinstance(value, Mapping):
            _check_pattern(value, f"{place}.{key}")
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, Mapping) and not set(item) <= _PATTERN_OPERATORS:
                    raise TemplateError(f"{place}.{key}: the local stack does not know the operator {sorted(item)}")
        else:
            raise TemplateError(f"{place}.{key}: a pattern's leaves are lists, not {value!r}")
