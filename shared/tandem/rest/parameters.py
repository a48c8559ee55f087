"""Parameters of a request: where they may stand, how they are read, and how their faults are told.

A model says what an endpoint takes. In JSON a value has its type (``"1"`` is no integer); in a query or a form it is
text and is parsed. Where query and body both name a field the body wins; an empty optional value counts as not sent.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import InitErrorDetails, PydanticCustomError, from_json

from tandem.domain.errors import FieldFault, InvalidValue
from tandem.domain.identity import LONGEST_ID, Owner, error_of_id

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER = re.compile(r"[+-]?([0-9]{1,19}(\.[0-9]*)?|\.[0-9]{1,19})([eE][+-]?[0-9]{1,3})?")


def _came_as_text(info: ValidationInfo) -> bool:
    """Whether this top-level field stood in a query or form."""
    return info.context is not None and info.field_name in info.context["text_fields"]


def _whole(value: object, info: ValidationInfo) -> object:
    if isinstance(value, str) and _came_as_text(info) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a whole number")
    return value


def _number(value: object, info: ValidationInfo) -> object:
    if isinstance(value, str) and _came_as_text(info) and _NUMBER.fullmatch(value.strip()):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    try:
        return float(value)
    except OverflowError as fault:
        raise ValueError("must be a number of a sensible size") from fault


def _flag(value: object, info: ValidationInfo) -> object:
    if isinstance(value, str) and _came_as_text(info):
        value = {"true": True, "false": False, "1": True, "0": False}.get(value.strip().lower(), value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in {0, 1}:
        return bool(value)
    raise ValueError("must be true, false, 0 or 1")


def _structure(value: object, info: ValidationInfo) -> object:
    """An object or list in a query or form field is JSON text."""
    if isinstance(value, str) and _came_as_text(info):
        try:
            return from_json(value, allow_inf_nan=False)
        except ValueError as fault:
            raise ValueError("must be JSON text") from fault
    return value


def _text(value: object) -> object:
    if isinstance(value, str) and "\0" in value:
        raise ValueError("must not contain a NUL character")
    return value


def _identifier(value: object) -> object:
    if isinstance(value, str) and value and len(value) <= LONGEST_ID:
        error = error_of_id(value)
        if error is not None:
            raise ValueError(error)
    return value


Whole = Annotated[int, BeforeValidator(_whole, json_schema_input_type=int)]
Number = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_number, json_schema_input_type=float)]
Flag = Annotated[bool, BeforeValidator(_flag, json_schema_input_type=bool), WithJsonSchema({"type": "boolean"})]
Structure = BeforeValidator(_structure)
Text = Annotated[str, BeforeValidator(_text)]
Identifier = Annotated[
    str,
    BeforeValidator(_text),
    StringConstraints(min_length=1, max_length=LONGEST_ID),
    BeforeValidator(_identifier),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 64, "pattern": r"^[^\s\x00-\x1f\x7f](.*\S)?$"}),
]


class Document(BaseModel):
    """A JSON object with camelCase names; unknown members are ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", frozen=True, strict=False, str_strip_whitespace=False
    )


class Part(Document):
    """An object inside a parameter: a null member that is not required counts as not given."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        required = {field.alias for field in cls.model_fields.values() if field.is_required()}
        return {name: member for name, member in value.items() if member is not None or name in required}


class Parameters(Document):
    """What every endpoint takes."""

    null_clears: ClassVar[bool] = False
    """Whether ``null`` means something (an update); elsewhere a null that is not required counts as not sent."""

    synonyms: ClassVar[Mapping[str, str]] = {}
    """Other names under which callers send a field."""

    namespace: Annotated[Identifier, BeforeValidator(lambda given: "default" if given is None else given)] = Field(
        default="default", description="Rows of other namespaces do not exist here."
    )

    def owner(self, user_id: str) -> Owner:
        """Whose rows the request is about."""
        return Owner(user_id, self.namespace)


P = TypeVar("P", bound=Parameters)


def read_parameters(model: type[P], query: Mapping[str, str], body: Mapping[str, Any], *, body_is_text: bool) -> P:
    """Validate. Raises InvalidValue that names every wrong field at once."""
    aliases = {field.alias or name: name for name, field in model.model_fields.items()}
    values: dict[str, Any] = {}
    text_fields: set[str] = set()
    for source, is_text in ((query, True), (body, body_is_text)):
        for alias, value in _sent(model, source).items():
            values[alias] = value
            (text_fields.add if is_text else text_fields.discard)(aliases.get(alias, alias))
    try:
        return model.model_validate(values, context={"text_fields": text_fields})
    except ValidationError as error:
        raise InvalidValue("One or more parameters are wrong.", faults_of(error, model)) from error


def _sent(model: type[Parameters], source: Mapping[str, Any]) -> dict[str, Any]:
    """What a query or a body says: an empty optional value was not sent, nor a null one unless it means something."""
    required = {field.alias for field in model.model_fields.values() if field.is_required()}
    renamed = {model.synonyms[name]: value for name, value in source.items() if name in model.synonyms}
    named = renamed | {name: value for name, value in source.items() if name not in model.synonyms}
    return {
        name: value
        for name, value in named.items()
        if name in required or not (value == "" or (value is None and not model.null_clears))
    }


def _not_null(value: object) -> object:
    if value is None:
        raise ValueError("must not be null: it is required")
    return value


NotNull = BeforeValidator(_not_null)
"""For a field of an update that may be left out but not be cleared."""


def located(faults: Iterable[FieldFault]) -> ValidationError:
    """Faults of the domain as an error of the field whose validator raises it, each at its path below that field."""
    return ValidationError.from_exception_data(
        "rules",
        [
            InitErrorDetails(
                type=PydanticCustomError("rule", "{sentence}", {"sentence": fault.message}),
                loc=tuple(fault.field.split(".")) if fault.field else (),
                input=None,
            )
            for fault in faults
        ],
    )


def faults_of(error: ValidationError, model: type[Document]) -> list[FieldFault]:
    """Each fault with the field's path as the caller wrote it."""
    # pydantic names a default that is wrong by the attribute, and a value that was sent by its alias.
    aliases = {name: field.alias or name for name, field in model.model_fields.items()}
    faults = []
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        first, *rest = fault["loc"] or ("body",)
        path = ".".join(str(part) for part in (aliases.get(str(first), first), *rest))
        faults.append(FieldFault(path, _sentence(fault["type"], fault["msg"])))
    return faults


def _sentence(kind: str, message: str) -> str:
    if kind == "missing":
        return "is required"
    if kind in {"string_too_short", "too_short"}:
        return "must not be empty"
    return re.sub(
        r"^(Value error, |Input should be (a |an )?(?=valid)|Input should |String should |\w+ should )", _lead, message
    )


def _lead(match: re.Match[str]) -> str:
    if match.group().startswith("Value error"):
        return ""
    return "must be a " if "be a" in match.group() else "must "
