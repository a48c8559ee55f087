"""Every built function, under AWS's Runtime Interface Emulator, answers its sample of events/.

Nothing but its own files and layers is on its path: a dependency that is not packaged, a wrong handler, or an import of
something from this machine fails here.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.emulator import (
    EVERY_FUNCTION,
    Emulator,
    EmulatorError,
    built_function,
    choose_database,
    emulator,
    variables_of,
)
from local.settings import PROJECT
from local.template import load_template
from tests.deploy.conftest import World

pytestmark = [pytest.mark.slow, pytest.mark.database]

FUNCTIONS = load_template(PROJECT / "template.yaml", EVERY_FUNCTION).functions.values()
FILES = {function.handler.split(".")[-2]: function.logical_id for function in FUNCTIONS}
STEPS = {function.handler.split(".")[-2] for function in FUNCTIONS if function.handler.startswith("workflow.")}

# Answers that are no success, because the sample's file was never sent.
REFUSED = {"complete_upload": "UPLOAD_NOT_FOUND"}


def sample_of(name: str) -> Any:
    file = PROJECT / "events" / f"{name.removeprefix('on_')}.json"
    assert file.exists(), f"{name} has no sample event: {file.relative_to(PROJECT)}"
    return json.loads(file.read_text(encoding="utf-8"))


def test_every_sample_belongs_to_a_function() -> None:
    samples = {file.stem for file in (PROJECT / "events").glob("*.json")}
    assert samples == {name.removeprefix("on_") for name in FILES}


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_built_function_answers_its_sample(name: str, build: Path, world: World) -> None:
    function = built_function(FILES[name], build)
    with emulator(function, variables_of(function, world.variables)) as started:
        answer = started.invoke(sample_of(name))
        assert not (isinstance(answer, Mapping) and "errorType" in answer), f"{answer}\n{started.log()}"
        assert started.init_ms() is not None
        _check(name, answer, started)


def _check(name: str, answer: Any, started: Emulator) -> None:
    if isinstance(answer, Mapping) and "statusCode" in answer:
        _check_http(name, answer, started)
    elif name in STEPS - {"wait_for_end"}:
        assert answer["next"] in {"CONTINUE", "OPEN_UNPROVEN", "ABORT", "STOP", "DONE"}
    else:
        expected: dict[str, Callable[[], bool]] = {
            "on_stop_requested": lambda: answer == {"batchItemFailures": []},
            "on_task_state_changed": lambda: answer == {"batchItemFailures": []},
            "manage_engines": lambda: [engine["state"] for engine in answer["engines"]] == ["active"],
            "sync_tasks": lambda: answer["skipped"] is False,
            "sync_task_shard": lambda: answer == {"batchItemFailures": []},
            "clean_up_expired": lambda: answer["complete"] is True,
            "publish_statistics": lambda: answer["DatabaseBytes"] > 0 and '"_aws"' in started.log(),
            "poll_chaosblade_box": lambda: answer["complete"] is True and answer["asked"] > 0,
            "publish_load_errors": lambda: answer == {"LoadErrorPercent": 0.0} and '"Percent"' in started.log(),
            "migrate_database": lambda: answer["before"] == answer["after"] is not None,
        }
        assert expected.get(name, lambda: answer is None)(), answer


def _check_http(name: str, answer: Mapping[str, Any], started: Emulator) -> None:
    is_json = answer["headers"]["content-type"].startswith("application/json")
    body = json.loads(answer["body"]) if is_json else {}
    if name in REFUSED:
        assert body["error"]["code"] == REFUSED[name]
        return
    assert answer["statusCode"] == 200, f"{answer}\n{started.log()}"
    if name == "get_open_api":
        assert body["openapi"].startswith("3.")
    elif is_json:
        assert body["success"] is True
    else:
        assert answer["body"].lower().startswith("<!doctype html>")


def test_where_no_database_is_named_an_empty_one_is_made(build: Path, tmp_path: Path) -> None:
    given = {"TANDEM_DATABASE_CA_FILE": ""}
    choose_database(given, tmp_path / "new" / "tandem.sqlite3")
    function = built_function("query_load_test_tasks", build)
    with emulator(function, variables_of(function, given)) as started:
        answer = started.invoke(sample_of("query_load_test_tasks"))
    assert json.loads(answer["body"])["result"]["total"] == 0
    named = {"TANDEM_DATABASE_URL": "mysql://somewhere/else"}
    choose_database(named, tmp_path / "other" / "tandem.sqlite3")
    assert list(tmp_path.iterdir()) == [tmp_path / "new"]


def test_a_missing_dependency_is_noticed(build: Path, world: World) -> None:
    function = built_function("get_load_test_task", build)
    bare = [layer for layer in function.layers if not (layer / "python" / "pydantic").is_dir()]
    without = type(function)(**{**vars(function), "layers": tuple(bare)})
    with (
        emulator(without, world.variables) as started,
        pytest.raises(EmulatorError, match=r"ImportModuleError.*pydantic"),
    ):
        started.invoke(sample_of("get_load_test_task"))


def test_a_wrong_handler_is_noticed(build: Path, world: World) -> None:
    function = built_function("get_load_test_task", build)
    misnamed = type(function)(**{**vars(function), "handler": "api.get_load_test_task.handel"})
    with (
        emulator(misnamed, world.variables) as started,
        pytest.raises(EmulatorError, match=r"Runtime\.HandlerNotFound"),
    ):
        started.invoke(sample_of("get_load_test_task"))
