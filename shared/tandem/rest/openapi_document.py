"""Writes the OpenAPI document of the API from the handlers' own models: what is documented is what is checked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from tandem.domain.errors import (
    AppError,
    DatabaseUnavailable,
    InvalidValue,
    MalformedRequest,
    TooLarge,
    Unauthenticated,
)
from tandem.rest.app import JSON_TYPE, Answer, Endpoint, Takes, WholeAnswer, status_of
from tandem.rest.request import FORM, JSON, MULTIPART

Json = dict[str, Any]

_REF = "#/components/schemas/{model}"
_MEANINGS = {
    400: "The body or the query cannot be read at all.",
    401: "The request carries no identity.",
    404: "Unknown, or somebody else's: the two answer alike.",
    409: "The state of things does not allow it.",
    413: "The body is too large.",
    422: "A parameter is wrong; details name each.",
    502: "The engine answered wrongly.",
    503: "The database, the file store or the engine cannot be reached now.",
}
_DESCRIPTION = """\
Load tests in step with chaos experiments.

Every path is also served under `/chaos`. The caller is who the authorizer says (IAM signature or JWT); nothing in a \
request can change that. Rows belong to a user in a namespace: somebody else's answers exactly as one that does not \
exist. For POST, parameters may stand in the query too; where both name a field the body wins. Unknown fields are \
ignored, wrong types are not, and an empty optional parameter counts as not sent.\
"""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path; ``name`` is the handler's file name."""

    method: str
    path: str
    name: str
    summary: str
    endpoint: Endpoint[Any]

    @property
    def result(self) -> Any:
        """The type that the handler's function says it returns."""
        return get_type_hints(self.endpoint.function)["return"]


def openapi_document(operations: Sequence[Operation], error_codes: Iterable[str], version: str) -> Json:
    """The document: OpenAPI 3.1, because that speaks the JSON Schema that the models speak."""
    models = sorted(
        {each.result for each in operations if _is_model(each.result)}
        | {each.endpoint.parameters for each in operations},
        key=lambda model: model.__name__,
    )
    # As they are read: a member with a default may be absent from what we write, too (a phase without "change").
    _, definitions = models_json_schema([(model, "validation") for model in models], by_alias=True, ref_template=_REF)
    schemas: Json = _in_words_of_json_schema(definitions["$defs"])
    for operation in operations:
        if operation.method == "POST" and operation.endpoint.takes is Takes.FIELDS:
            name = operation.endpoint.parameters.__name__
            schemas[f"{name}Form"] = _form_schema(schemas[name], schemas)
    schemas["ErrorCode"] = {"type": "string", "enum": sorted(error_codes)}
    schemas["Failure"] = _FAILURE
    paths: Json = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    used = _reachable(paths, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tandem", "version": version, "description": _DESCRIPTION},
        "servers": [{"url": "/"}, {"url": "/chaos"}],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": {name: schemas[name] for name in sorted(used)}},
    }


_FAILURE: Json = {
    "type": "object",
    "required": ["success", "result", "error", "requestId"],
    "properties": {
        "success": {"const": False},
        "result": {"type": "null"},
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"$ref": _REF.format(model="ErrorCode")},
                "message": {"type": "string"},
                "details": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["field", "message"],
                        "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                    },
                },
            },
        },
        "requestId": {"type": "string"},
    },
}


_WORDS = {"ge": "minimum", "le": "maximum"}


def _in_words_of_json_schema(schema: Any) -> Any:
    """Bounds by their names there (pydantic keeps its own beside a validator of ours), without the generated titles."""
    if isinstance(schema, list):
        return [_in_words_of_json_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        _WORDS.get(name, name): _in_words_of_json_schema(each)
        for name, each in schema.items()
        if not (name == "title" and isinstance(each, str))
    }


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _operation(operation: Operation, schemas: Json) -> Json:
    endpoint = operation.endpoint
    shown: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": {"200": _success(operation, schemas)} | _failures(operation),
    }
    if operation.method == "GET":
        if endpoint.needs_identity:
            shown["parameters"] = _query(schemas[endpoint.parameters.__name__], schemas)
    else:
        if operation.name.startswith("get_"):
            # The same handler serves GET as well.
            shown["operationId"] = f"post_{operation.name}"
        shown["requestBody"] = _fields_body(endpoint, schemas) if endpoint.takes is Takes.FIELDS else _file_body()
        if endpoint.takes is Takes.FILE:
            shown["parameters"] = _query(schemas[endpoint.parameters.__name__], schemas)
    return shown


def _success(operation: Operation, schemas: Json) -> Json:
    if operation.result is WholeAnswer:
        media = operation.endpoint.content_type.split(";")[0]
        schema: Json = {"type": "object"} if operation.endpoint.content_type == JSON_TYPE else {"type": "string"}
        return {"description": "The document itself.", "content": {media: {"schema": schema}}}
    if _is_model(operation.result):
        result: Json = {"$ref": _REF.format(model=operation.result.__name__)}
    else:
        result = TypeAdapter(operation.result).json_schema()
    members: Json = {"result": result}
    if isinstance(operation.result, type) and issubclass(operation.result, Answer):
        members = schemas[operation.result.__name__]["properties"]
    envelope = {
        "type": "object",
        "required": ["success", *members, "requestId"],
        "properties": {"success": {"const": True}, **members, "requestId": {"type": "string"}},
    }
    return {"description": "Done.", "content": {JSON: {"schema": envelope}}}


def _failures(operation: Operation) -> Json:
    always: list[type[AppError]] = [InvalidValue, MalformedRequest, DatabaseUnavailable]
    if operation.endpoint.needs_identity:
        always.append(Unauthenticated)
    if operation.method == "POST":
        always.append(TooLarge)
    failure = {"content": {JSON: {"schema": {"$ref": _REF.format(model="Failure")}}}}
    statuses = sorted({status_of(kind) for kind in (*always, *operation.endpoint.errors)})
    return {str(status): {"description": _MEANINGS[status], **failure} for status in statuses}


def _fields_body(endpoint: Endpoint[Any], schemas: Json) -> Json:
    name = endpoint.parameters.__name__
    return {
        "required": bool(schemas[name].get("required")),
        "content": {
            JSON: {"schema": {"$ref": _REF.format(model=name)}},
            FORM: {"schema": {"$ref": _REF.format(model=f"{name}Form")}},
        },
    }


def _file_body() -> Json:
    file = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
    form = {
        "type": "object",
        "required": ["file"],
        "properties": {"file": file, "namespace": {"type": "string", "default": "default"}},
    }
    return {
        "required": True,
        "content": {
            MULTIPART: {"schema": form},
            "application/xml": {"schema": {"type": "string"}},
            "text/csv": {"schema": {"type": "string"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }


def _query(model: Json, schemas: Json) -> list[Json]:
    """Each member as a query parameter. There is no null in a query."""
    required = set(model.get("required", ()))
    parameters = []
    for name, schema in model["properties"].items():
        plain = _without_null(_resolved(schema, schemas))
        parameter: Json = {"name": name, "in": "query", "required": name in required}
        if "description" in plain:
            parameter["description"] = plain.pop("description")
        parameters.append(parameter | {"schema": plain})
    return parameters


def _form_schema(model: Json, schemas: Json) -> Json:
    """The same fields in a form: an object or a list there is JSON text, and there is no null."""
    fields = {}
    for name, schema in model["properties"].items():
        plain = _without_null(_resolved(schema, schemas))
        if plain.get("type") in {"object", "array"}:
            plain = {
                "type": "string",
                "contentMediaType": JSON,
                "contentSchema": {key: value for key, value in plain.items() if key != "default"},
                "description": f"{plain.get('description', '')} JSON text.".strip(),
            }
        fields[name] = plain
    form: Json = {"type": "object", "properties": fields}
    return form | ({"required": model["required"]} if "required" in model else {})


def _resolved(schema: Json, schemas: Json) -> Json:
    """The schema with the reference that it consists of followed."""
    if "$ref" not in schema:
        return schema
    target: Json = schemas[schema["$ref"].rsplit("/", 1)[-1]]
    return target | {key: value for key, value in schema.items() if key != "$ref"}


def _without_null(schema: Json) -> Json:
    kinds = [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]
    plain = {key: value for key, value in schema.items() if key != "anyOf"}
    if len(kinds) == 1:
        plain = kinds[0] | plain
    if plain.get("default", ...) is None:
        del plain["default"]
    return plain


def _reachable(paths: Json, schemas: Json) -> set[str]:
    """The names of the schemas that the paths lead to."""
    seen: set[str] = set()
    waiting: list[Any] = [paths]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            name = str(each.get("$ref", "")).rpartition("/")[2]
            if name and name not in seen:
                seen.add(name)
                waiting.append(schemas[name])
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
    return seen
