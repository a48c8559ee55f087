"""Which AWS actions a handler's code can come to, read from handlers, bootstrap, services, adapters."""

import ast
import re
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE = PROJECT / "shared" / "tandem"

# What IAM asks for a boto3 call. Without ListBucket S3 answers 403 instead of 404 for an object that is not there.
ACTIONS_OF_CALL = {
    "put_object": {"s3:PutObject"},
    "get_object": {"s3:GetObject", "s3:ListBucket"},
    "head_object": {"s3:GetObject", "s3:ListBucket"},
    "create_multipart_upload": {"s3:PutObject"},
    "upload_part": {"s3:PutObject"},
    "complete_multipart_upload": {"s3:PutObject"},
    "abort_multipart_upload": {"s3:AbortMultipartUpload"},
    "copy_object": {"s3:GetObject", "s3:PutObject"},
    "delete_objects": {"s3:DeleteObject"},
    "list_objects_v2": {"s3:ListBucket"},
    "put_events": {"events:PutEvents"},
    "send_message_batch": {"sqs:SendMessage"},
    "send_task_success": {"states:SendTaskSuccess"},
    "start_execution": {"states:StartExecution"},
    "list_executions": {"states:ListExecutions"},
    # Granted by secret: SECRETS.
    "get_secret_value": {"secretsmanager:GetSecretValue"},
    "get_experiment": {"fis:GetExperiment"},
    "list_experiments": {"fis:ListExperiments"},
    "stop_experiment": {"fis:StopExperiment"},
}
# How the services name their ports.
FIELD_OF_ADAPTER = {
    "S3ObjectStore": "_objects",
    "S3KeptObjects": "_objects",
    "S3RunArchive": "_archive",
    "StepFunctions": "_workflows",
    "AwsMessageSender": "_sender",
    "SqsTicks": "_ticks",
    "EventBusPlatformEvents": "_events",
    "FisInjections": "_injections",
}
SECRETS = {
    "database": "ReadDatabaseSecret",
    "connect_engine": "ReadEngineToken",
    "chaosblade_box": "ReadBoxSecret",
    "migrate_database": "secretsmanager:GetSecretValue",
}


def needs_of(handler_file: Path) -> set[str]:
    """The actions (and the policies for secrets) that a handler needs."""
    parts = _closure(used_parts(handler_file))
    needs = {SECRETS[part] for part in parts if part in SECRETS}
    services = [module for part in parts for module in _modules_of(part) if module.startswith("tandem.services.")]
    sources = "\n".join(_source(module) for module in _with_imports(services))
    for part in parts:
        for module in _modules_of(part):
            if module.startswith("tandem.adapters.aws."):
                needs |= _actions_of(module, part, sources)
    return needs


def adapters_of(handler_file: Path) -> set[str]:
    """The modules of adapters that a handler can come to."""
    modules = {module for part in _closure(used_parts(handler_file)) for module in _modules_of(part)}
    return {module for module in modules if module.startswith("tandem.adapters.")}


def aws_calls_without_a_rule() -> set[str]:
    """boto3 calls in the adapters that ACTIONS_OF_CALL does not know."""
    found = set()
    for file in (PACKAGE / "adapters" / "aws").glob("*.py"):
        found |= {call for calls in _calls_by_method(f"tandem.adapters.aws.{file.stem}").values() for call in calls}
    return found - ACTIONS_OF_CALL.keys()


def used_parts(handler_file: Path) -> set[str]:
    """The members of Application that a handler names."""
    return set(re.findall(r"application\(\)\.(\w+)", handler_file.read_text(encoding="utf-8")))


@cache
def _parts() -> dict[str, ast.FunctionDef]:
    """The members of bootstrap's Application."""
    tree = ast.parse((PACKAGE / "bootstrap.py").read_text(encoding="utf-8"))
    [application] = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Application"]
    return {node.name: node for node in application.body if isinstance(node, ast.FunctionDef)}


def _closure(start: set[str]) -> set[str]:
    seen, pending = set[str](), list(start)
    while pending:
        part = pending.pop()
        if part in seen or part not in _parts():
            continue
        seen.add(part)
        pending += [
            node.attr
            for node in ast.walk(_parts()[part])
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
        ]
    return seen


def _modules_of(part: str) -> list[str]:
    return [node.module or "" for node in ast.walk(_parts()[part]) if isinstance(node, ast.ImportFrom)]


def _source(module: str) -> str:
    return (PACKAGE.parent / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8")


def _with_imports(modules: list[str]) -> set[str]:
    """The services, and those that they import."""
    seen, pending = set[str](), list(modules)
    while pending:
        module = pending.pop()
        if module not in seen:
            seen.add(module)
            pending += re.findall(r"^from (tandem\.services\.\w+) import", _source(module), re.MULTILINE)
    return seen


@cache
def _calls_by_method(module: str) -> dict[str, set[str]]:
    """The boto3 calls in each method of a module's classes."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(_source(module))):
        if not isinstance(node, ast.FunctionDef) or "_clients." not in ast.unparse(node):
            continue
        text = ast.unparse(node)
        calls = set(re.findall(r"(?:_clients\.\w+|\bclient)\.([a-z]\w+)\(", text))
        calls |= set(re.findall(r"(?:get_paginator|generate_presigned_url)\('(\w+)'", text))
        found[node.name] = calls - {"get_paginator", "generate_presigned_url"}
    return found


def _actions_of(module: str, part: str, sources: str) -> set[str]:
    """The actions of those methods of an adapter that the services call on their port."""
    actions = set[str]()
    adapters = [name for name in FIELD_OF_ADAPTER if name in ast.unparse(_parts()[part])]
    for adapter in adapters:
        calls = _calls_by_method(module)
        called = {name for name in calls if re.search(rf"{FIELD_OF_ADAPTER[adapter]}\.{name}\(", sources)}
        # What a method that is called calls itself: a sender's private methods.
        if adapter == "AwsMessageSender":
            called |= {name for name in calls if name.startswith("_")}
        for name in called:
            actions |= {action for call in calls[name] for action in ACTIONS_OF_CALL[call]}
    return actions
