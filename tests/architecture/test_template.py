"""template.yaml is the one list of routes, functions and rules: it and the code must agree."""

import importlib
from pathlib import Path

import pytest

from local.emulator import EVERY_FUNCTION
from local.template import Function, Template, load_template

PROJECT = Path(__file__).resolve().parents[2]
TEMPLATE = load_template(PROJECT / "template.yaml", {"EventBusName": "tandem-test", **EVERY_FUNCTION})


def handler_files() -> set[str]:
    files = (PROJECT / "functions").rglob("*.py")
    return {file.relative_to(PROJECT / "functions").with_suffix("").as_posix().replace("/", ".") for file in files}


@pytest.fixture(scope="module")
def template() -> Template:
    return TEMPLATE


def test_every_handler_is_in_the_template_and_the_other_way_round(template: Template) -> None:
    in_template = {function.handler.removesuffix(".handler") for function in template.functions.values()}
    assert in_template == handler_files()


@pytest.mark.parametrize("function", TEMPLATE.functions.values(), ids=lambda function: function.logical_id)
def test_every_handler_imports_and_can_be_called(function: Function) -> None:
    assert callable(getattr(importlib.import_module(function.module), function.attribute))


@pytest.mark.parametrize("function", TEMPLATE.functions.values(), ids=lambda function: function.logical_id)
def test_a_function_is_named_as_its_file(function: Function) -> None:
    file = function.handler.split(".")[-2]
    assert function.logical_id == "".join(word.capitalize() for word in file.split("_")) + "Function"


def test_every_path_is_served_with_and_without_the_prefix_of_chaosblade_box(template: Template) -> None:
    plain = {(route.method, route.path) for route in template.routes if not route.path.startswith("/chaos/")}
    prefixed = {
        (route.method, route.path.removeprefix("/chaos"))
        for route in template.routes
        if route.path.startswith("/chaos/")
    }
    unprefixed = {("GET", "/health"), ("GET", "/openapi.json")}
    assert plain - unprefixed == prefixed - unprefixed
    assert plain
