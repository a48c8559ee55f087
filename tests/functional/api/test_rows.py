"""What the API costs the database, and what happens when two callers do the same at once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from tandem import bootstrap
from tandem.bootstrap import application

from tests.factories.statements import counted_statements
from tests.functional.conftest import Api

AT_ONCE = 6


@pytest.fixture
def api_database_url(api_database_url_of_each_kind: str) -> str:
    return api_database_url_of_each_kind


@pytest.fixture
def definition(api: Api, definition_fields: dict[str, Any]) -> str:
    new_id: str = api.post("create_load_test_definition", **definition_fields).result
    return new_id


def test_a_get_is_one_statement_and_a_page_two_however_many_rows(
    api: Api, definition: str, definition_fields: dict[str, Any]
) -> None:
    strategy = api.post("create_load_test_strategy", definitionId=definition, experimentId="e0").result
    costs = []
    for more in (0, 10):
        for number in range(more):
            changed = {**definition_fields, "name": f"plan {number}"}
            other = api.post("create_load_test_definition", **changed).result
            api.post("create_load_test_strategy", definitionId=other, experimentId=f"e{number + 1}")
        costs.append(
            {
                name: statements_of(partial(api.post, name, **fields))
                for name, fields in {
                    "get_load_test_definition": {"id": definition},
                    "get_load_test_strategy": {"id": strategy},
                    "get_load_test_strategy_by_experiment_id": {"experimentId": "e0"},
                    "query_load_test_definitions": {"name": "c"},
                    "query_load_test_strategies": {"enable": True},
                    "query_load_test_tasks": {},
                    "update_load_test_strategy": {"id": strategy, "enable": True},
                    "update_load_test_definition": {"id": definition, "threads": 3},
                }.items()
            }
        )

    assert costs[0] == costs[1]
    assert costs[0] == {
        "get_load_test_definition": 1,
        "get_load_test_strategy": 1,
        "get_load_test_strategy_by_experiment_id": 1,
        "query_load_test_definitions": 2,
        "query_load_test_strategies": 2,
        "query_load_test_tasks": 2,
        "update_load_test_strategy": 4,
        "update_load_test_definition": 4,
    }


def statements_of(work: Callable[[], Any]) -> int:
    with counted_statements(application().database._engine) as statements:
        assert work().status == 200
    return len(statements)


def at_once(works: list[Callable[[], Any]]) -> list[Any]:
    """Do all of it at the same moment, in threads of one process as wide as its database pool."""
    gate = threading.Barrier(len(works))

    def one(work: Callable[[], Any]) -> Any:
        gate.wait(timeout=10)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(one, works))


@pytest.fixture
def wide(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("TANDEM_DATABASE_POOL_SIZE", str(AT_ONCE))
    bootstrap.reset()


@pytest.mark.usefixtures("wide")
def test_of_many_strategies_at_once_for_an_experiment_one_is_created(api: Api, definition: str) -> None:
    answers = at_once(
        [lambda: api.post("create_load_test_strategy", definitionId=definition, experimentId="e1")] * AT_ONCE
    )

    assert sorted(answer.status for answer in answers) == [200] + [409] * (AT_ONCE - 1)
    assert api.post("query_load_test_strategies").result["total"] == 1


@pytest.mark.usefixtures("wide")
def test_of_many_definitions_at_once_of_a_name_one_is_created(api: Api, definition_fields: dict[str, Any]) -> None:
    answers = at_once([lambda: api.post("create_load_test_definition", **definition_fields)] * AT_ONCE)

    assert sorted(answer.status for answer in answers) == [200] + [409] * (AT_ONCE - 1)


@pytest.mark.usefixtures("wide")
def test_no_strategy_slips_in_while_its_definition_is_deleted(api: Api, definition_fields: dict[str, Any]) -> None:
    for turn in range(5):
        definition = api.post("create_load_test_definition", **definition_fields).result
        fields = {"definitionId": definition, "experimentId": f"e{turn}"}
        created, deleted = at_once(
            [
                partial(api.post, "create_load_test_strategy", **fields),
                partial(api.post, "delete_load_test_definition", id=definition),
            ]
        )

        assert (created.status, deleted.status) in {(200, 409), (404, 200)}
        if created.status == 200:
            api.post("delete_load_test_strategy", id=created.result)
            assert api.post("delete_load_test_definition", id=definition).status == 200


@pytest.mark.usefixtures("wide")
def test_updates_of_different_fields_at_once_are_both_kept(api: Api, definition: str) -> None:
    changes = [{"threads": 7}, {"rampUp": 5}]
    answers = at_once([partial(api.post, "update_load_test_definition", id=definition, **change) for change in changes])

    assert [answer.status for answer in answers] == [200, 200]
    shown = api.get("get_load_test_definition", id=definition).result
    assert (shown["threads"], shown["rampUp"]) == (7, 5)
