"""Reads CloudFormation YAML and resolves its intrinsic functions to plain values."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import yaml

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"
PSEUDO_PARAMETERS: dict[str, str] = {
    "AWS::AccountId": ACCOUNT_ID,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT_ID}:stack/tandem/local",
    "AWS::StackName": "tandem",
    "AWS::URLSuffix": "amazonaws.com",
}
_SHORT_FORMS_WITHOUT_PREFIX = {"Ref", "Condition"}
_SUB_VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")


class TemplateError(Exception):
    """The template holds something that the local stack does not take; the message says what and where."""


class _NoValue:
    """What `!Ref AWS::NoValue` stands for: the property it is given to is left out."""


NO_VALUE = _NoValue()


class _CloudFormationLoader(yaml.SafeLoader):
    """SafeLoader with CloudFormation's short forms, dates left as text, and duplicate keys refused."""


def _construct_intrinsic(loader: _CloudFormationLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(cast("yaml.MappingNode", node), deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in _SHORT_FORMS_WITHOUT_PREFIX else f"Fn::{suffix}": value}


def _construct_unique_mapping(loader: _CloudFormationLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise TemplateError(f"the key {key!r} stands twice{_place(key_node)}")
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


def _place(node: yaml.Node) -> str:
    return f" (line {node.start_mark.line + 1})"


_CloudFormationLoader.add_multi_constructor("!", _construct_intrinsic)
_CloudFormationLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_unique_mapping)
# CloudFormation keeps `2012-10-17` a string; YAML 1.1 would make a date of it.
_CloudFormationLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_cloudformation_yaml(path: Path) -> dict[str, Any]:
    """The document with every short form (`!Ref x`) in its long form (`{"Ref": "x"}`).

    Raises TemplateError when the file is missing, is no YAML, or is no mapping.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_CloudFormationLoader)  # noqa: S506 - a SafeLoader
    except OSError as exc:
        raise TemplateError(f"{path} cannot be read: {exc.strerror}") from exc
    except yaml.YAMLError as exc:
        raise TemplateError(f"{path} is no valid YAML: {exc}") from exc
    except TemplateError as exc:
        raise TemplateError(f"{path}: {exc}") from exc
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise TemplateError(f"{path} is no template: it has no Resources")
    return document


class Resolver:
    """Resolves intrinsic functions against parameters, conditions, mappings and the physical ids of resources.

    `reference(logical_id)` and `attribute(logical_id, name)` answer for resources; they return None for what they
    do not know. Every failure is a TemplateError that names the place.
    """

    def __init__(
        self,
        document: Mapping[str, Any],
        parameters: Mapping[str, str],
        reference: Callable[[str], str | None],
        attribute: Callable[[str, str], str | None],
    ) -> None:
        self._declared: Mapping[str, Any] = document.get("Parameters") or {}
        self._conditions: Mapping[str, Any] = document.get("Conditions") or {}
        self._mappings: Mapping[str, Any] = document.get("Mappings") or {}
        self._parameters = parameters
        self._reference = reference
        self._attribute = attribute
        self._condition_values: dict[str, bool] = {}
        self._functions: dict[str, Callable[[Any, str], Any]] = {
            "Ref": self._ref,
            "Fn::Sub": self._sub,
            "Fn::GetAtt": self._get_att,
            "Fn::If": self._if,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::FindInMap": self._find_in_map,
            "Fn::Base64": self._base64,
            "Fn::Equals": self._equals,
            "Fn::Not": lambda value, place: not self._truth(value[0], place),
            "Fn::And": lambda value, place: all(self._truth(part, place) for part in value),
            "Fn::Or": lambda value, place: any(self._truth(part, place) for part in value),
        }

    def resolve(self, node: Any, place: str) -> Any:
        """The node with every intrinsic function replaced by its value; `place` is for the error message."""
        if isinstance(node, dict):
            if len(node) == 1:
                key, value = next(iter(node.items()))
                if key in self._functions:
                    return self._functions[key](value, place)
                if isinstance(key, str) and key.startswith("Fn::"):
                    raise TemplateError(f"{place}: the local stack does not know {key}")
            resolved = {key: self.resolve(value, f"{place}.{key}") for key, value in node.items()}
            return {key: value for key, value in resolved.items() if value is not NO_VALUE}
        if isinstance(node, list):
            items = [self.resolve(item, f"{place}[{index}]") for index, item in enumerate(node)]
            return [item for item in items if item is not NO_VALUE]
        return node

    def condition(self, name: str, place: str) -> bool:
        """The truth of a named condition."""
        if name not in self._condition_values:
            if name not in self._conditions:
                raise TemplateError(f"{place}: there is no condition {name}")
            self._condition_values[name] = self._truth(self._conditions[name], f"Conditions.{name}")
        return self._condition_values[name]

    def _truth(self, node: Any, place: str) -> bool:
        if isinstance(node, dict) and set(node) == {"Condition"}:
            return self.condition(node["Condition"], place)
        value = self.resolve(node, place)
        if not isinstance(value, bool):
            raise TemplateError(f"{place}: {node!r} is no condition")
        return value

    def _ref(self, name: Any, place: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in PSEUDO_PARAMETERS:
            return PSEUDO_PARAMETERS[name]
        if name in self._declared:
            return self._parameter(name, place)
        value = self._reference(str(name))
        if value is None:
            raise TemplateError(f"{place}: !Ref {name} names no parameter and no resource")
        return value

    def _parameter(self, name: str, place: str) -> Any:
        if name in self._parameters:
            return self._parameters[name]
        declared = self._declared[name]
        if "Default" not in declared:
            raise TemplateError(f"{place}: the parameter {name} has no Default and no local value")
        default = declared["Default"]
        if str(declared.get("Type", "")).startswith(("List<", "CommaDelimitedList")):
            return [part.strip() for part in str(default).split(",")]
        return default if isinstance(default, str) else _text(default)

    def _get_att(self, value: Any, place: str) -> str:
        parts = value.split(".", 1) if isinstance(value, str) else value
        logical_id, attribute = parts[0], ".".join(parts[1:])
        found = self._attribute(logical_id, attribute)
        if found is None:
            raise TemplateError(f"{place}: the local stack has no value for !GetAtt {logical_id}.{attribute}")
        return found

    def _sub(self, value: Any, place: str) -> str:
        text, variables = (value, {}) if isinstance(value, str) else (value[0], value[1])

        def replace(match: re.Match[str]) -> str:
            literal, name = match.group(1), match.group(2).strip()
            if literal:
                return "${" + name + "}"
            if name in variables:
                return _text(self.resolve(variables[name], place))
            if "." in name:
                return self._get_att(name.split(".", 1), place)
            return _text(self._ref(name, place))

        return _SUB_VARIABLE.sub(replace, text)

    def _if(self, value: Any, place: str) -> Any:
        name, when_true, when_false = value
        return self.resolve(when_true if self.condition(name, place) else when_false, place)

    def _join(self, value: Any, place: str) -> str:
        separator, parts = value
        return str(separator).join(_text(part) for part in self.resolve(parts, place))

    def _select(self, value: Any, place: str) -> Any:
        index, items = int(self.resolve(value[0], place)), self.resolve(value[1], place)
        if not 0 <= index < len(items):
            raise TemplateError(f"{place}: !Select {index} of {len(items)} items")
        return items[index]

    def _split(self, value: Any, place: str) -> list[str]:
        return str(self.resolve(value[1], place)).split(value[0])

    def _find_in_map(self, value: Any, place: str) -> Any:
        name, top, second = (self.resolve(part, place) for part in value[:3])
        try:
            return self._mappings[name][top][second]
        except KeyError as exc:
            raise TemplateError(f"{place}: !FindInMap [{name}, {top}, {second}] finds nothing") from exc

    def _base64(self, value: Any, place: str) -> str:
        return base64.b64encode(_text(self.resolve(value, place)).encode()).decode()

    def _equals(self, value: Any, place: str) -> bool:
        left, right = (self.resolve(part, place) for part in value)
        return _text(left) == _text(right)


def _text(value: Any) -> str:
    """The value as CloudFormation writes it into a string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
