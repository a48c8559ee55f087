import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.domain.function_calls import FunctionCall, function_calls, hides_a_name
from tandem.domain.plan_expressions import Surroundings, data_file_name, resolve

KNOWN = Surroundings(
    {"host": "shop.example", "empty": ""},
    {"shop": ("${__P(host)}",), "both": ("a", "b"), "loop": ("${loop}",), "x": ("${shop}:1",), "csv": ("c",)},
    changing=frozenset({"csv"}),
    changing_properties=frozenset({"stage"}),
)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("plain", "plain"),
        ("${__P(host)}", "shop.example"),
        ("${__P(port,8080)}", "8080"),
        ("${__P(list,a\\,b)}", "a,b"),
        ("${__P(empty,x)}", ""),
        ("${__property(host,,other)}", "shop.example"),
        ("${__property(port,,9)}", "9"),
        ("http://${shop}/${__P(a,${__P(b,c)})}", "http://shop.example/c"),
        ("${x}", "shop.example:1"),
    ],
)
def test_what_is_known_is_put_in(expression: str, value: str) -> None:
    assert resolve(expression, KNOWN).text == value
    assert resolve(expression, KNOWN).known


@pytest.mark.parametrize(
    "expression",
    [
        "${other}",
        "${both}",
        "${loop}",
        "${csv}",
        "${__P(none)}",
        "${__P( host )}",
        "${__P(stage,a)}",
        "${__time()}",
        "${ shop }",
        "${",
    ],
)
def test_what_only_the_run_can_tell_is_unknown(expression: str) -> None:
    assert not resolve(f"a{expression}b", KNOWN).known
    assert resolve(f"a{expression}b", KNOWN).known_start == "a"


def test_nothing_that_asks_for_a_property_is_known_before_they_are() -> None:
    assert not resolve("${__P(port,80)}", Surroundings(None, {})).known


def test_variables_that_multiply_each_other_end_in_good_time() -> None:
    laughs = {f"v{i}": (f"${{v{i + 1}}}" * 10,) for i in range(30)}
    began = time.monotonic()
    assert not resolve("${v0}", Surroundings({}, laughs)).known
    assert time.monotonic() - began < 5


def test_functions_are_listed_wherever_they_hide() -> None:
    calls = function_calls("a ${__P(x,${__groovy(1)})} \\${__eval(b)} ${ __jexl3 (2)} ${__open(")
    assert {call.name for call in calls} == {"__P", "__groovy", "__eval", "__jexl3", "__open"}
    assert FunctionCall("__P", ("x", "${__groovy(1)}")) in calls


@pytest.mark.parametrize(
    "text",
    [
        "${__Bean\\Shell(1)}",
        "${\\__BeanShell(1)}",
        "a${__V(${__Bean\\Shell(1)})}",
        "${ __Bean\\Shell(1)}",
        "${__V(a\\,${\\__BeanShell(1)})}",
    ],
)
def test_a_backslash_in_a_name_hides_no_function(text: str) -> None:
    assert "__BeanShell" in {call.name for call in function_calls(text)}
    assert hides_a_name(text)


@pytest.mark.parametrize("text", ["${__V(a\\,b)}", "a\\b", "${name}\\", "\\${name}"])
def test_a_backslash_elsewhere_is_nothing_odd(text: str) -> None:
    assert not hides_a_name(text)


def test_the_index_of_a_loop_is_a_variable_of_jmeters_own() -> None:
    assert function_calls("page ${__jm__Pages of a shop__idx}") == []


def test_an_expression_that_is_never_closed_is_no_variable() -> None:
    assert not resolve("${shop", KNOWN).known


@given(st.text(alphabet="${}_aP(),\\ ", max_size=60))
def test_any_text_can_be_resolved_and_searched(text: str) -> None:
    value = resolve(text, KNOWN)
    assert value.text.startswith(value.known_start)
    assert all(call.name.startswith("__") for call in function_calls(text))


@pytest.mark.parametrize(
    "text", ["${__a(" * 200_000, "${__a(" * 200_000 + ")}" * 200_000, "${__a(" + "a," * 500_000 + ")}"]
)
def test_a_hostile_text_is_searched_in_good_time(text: str) -> None:
    began = time.monotonic()
    assert {call.name for call in function_calls(text)} == {"__a"}
    assert not resolve(text, KNOWN).known
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("users.csv", "users.csv"),
        ("data/users.csv", "users.csv"),
        ("C:\\data\\users.csv", "users.csv"),
        ("${__P(dataDir,./a)}/users.csv", "users.csv"),
        ("${file}", None),
        ("data/${file}.csv", None),
        ("data/${file", None),
        ("", None),
        ("data/", None),
    ],
)
def test_the_name_of_a_data_file_is_its_last_plain_part(expression: str, name: str | None) -> None:
    assert data_file_name(expression) == name
