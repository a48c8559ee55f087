"""Who calls is what the authorizer says; what belongs to somebody else does not exist."""

from typing import Any

import pytest
from tandem.rest.caller import user_of

from tests.factories.api_events import ALICE, Caller, event
from tests.factories.kept_tasks import running_task
from tests.fakes.engine_traps import Call
from tests.fakes.trap_engine import TrapEngine
from tests.functional.conftest import Api, handler_of, send

BOB = Caller("bob")
TASK_READERS = [
    "get_load_test_task",
    "get_load_test_results",
    "get_load_test_events",
    "get_load_test_timeseries",
    "get_load_test_report",
]


class World:
    """What alice has: an upload, a definition, a strategy, and a task whose load runs."""

    def __init__(self, api: Api, engine: TrapEngine, definition_fields: dict[str, Any]) -> None:
        self.upload = api.upload_plan().result["uploadPath"]
        self.definition = api.post("create_load_test_definition", **definition_fields).result
        self.strategy = api.post("create_load_test_strategy", definitionId=self.definition, experimentId="e1").result
        running_task(engine)

    def requests(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Every endpoint that takes an id, with alice's: handler, method, fields."""
        definition, strategy = {"id": self.definition}, {"id": self.strategy}
        by_get = [(name, "GET", {"taskId": "ldtask_1"}) for name in TASK_READERS]
        by_experiment = [(name, "GET", {"experimentTaskId": "et-1"}) for name in TASK_READERS]
        return [
            *by_get,
            *by_experiment,
            ("get_load_test_task_by_experiment_task_id", "GET", {"experimentTaskId": "et-1"}),
            ("stop_load_test_task", "POST", {"taskId": "ldtask_1"}),
            ("stop_load_test_task", "POST", {"taskId": "et-1"}),
            ("sync_load_test_task_status", "POST", {"taskId": "ldtask_1"}),
            ("get_load_test_definition", "GET", definition),
            ("get_load_test_definition", "POST", definition),
            ("update_load_test_definition", "POST", definition | {"threads": 99}),
            ("delete_load_test_definition", "POST", definition),
            ("get_load_test_strategy", "GET", strategy),
            ("get_load_test_strategy", "POST", strategy),
            ("get_load_test_strategy_by_experiment_id", "GET", {"experimentId": "e1"}),
            ("update_load_test_strategy", "POST", strategy | {"enable": False}),
            ("delete_load_test_strategy", "POST", strategy),
            ("create_load_test_strategy", "POST", {"definitionId": self.definition, "experimentId": "e2"}),
            ("complete_upload", "POST", {"uploadPath": self.upload}),
            (
                "create_load_test_definition",
                "POST",
                {"name": "n", "endpoint": "http://h", "entry": "JMX", "contentRef": self.upload},
            ),
        ]


@pytest.fixture
def world(api: Api, engine: TrapEngine, definition_fields: dict[str, Any]) -> World:
    return World(api, engine, definition_fields)


def everything_of_alice(api: Api) -> list[Any]:
    queries = ("query_load_test_definitions", "query_load_test_strategies", "query_load_test_tasks")
    return [api.post(name, ALICE, pageSize=200).result for name in queries]


def call(api: Api, caller: Caller, name: str, method: str, fields: dict[str, Any]) -> Any:
    return api.get(name, caller, **fields) if method == "GET" else api.post(name, caller, **fields)


def test_to_another_user_or_namespace_nothing_exists_and_nothing_changes(
    api: Api, engine: TrapEngine, world: World
) -> None:
    before = everything_of_alice(api)

    for name, method, fields in world.requests():
        for answer in (
            call(api, BOB, name, method, fields),
            call(api, ALICE, name, method, fields | {"namespace": "other"}),
            call(api, Caller("Alice"), name, method, fields),
            call(api, Caller("alice "), name, method, fields),
        ):
            assert answer.status == 404, (name, fields)
            assert answer.code.endswith("_NOT_FOUND")

    assert everything_of_alice(api) == before
    assert engine.calls_of(Call.STOP) == []
    for name in ("query_load_test_definitions", "query_load_test_strategies", "query_load_test_tasks"):
        assert api.post(name, BOB).result["total"] == 0
        assert api.post(name, ALICE, namespace="other").result["total"] == 0
    assert api.get("get_load_test_statistics", BOB).result["total"] == 0


def test_somebody_elses_row_answers_exactly_as_one_that_does_not_exist(api: Api, world: World) -> None:
    def shape(answer: Any, named: str) -> Any:
        error = answer.body["error"]
        return answer.status, error["code"], error["message"].replace(named, "<id>")

    for name, known, unknown in (
        ("get_load_test_definition", world.definition, "ldef_" + "0" * 32),
        ("get_load_test_strategy", world.strategy, "lstrategy_" + "0" * 32),
    ):
        foreign, absent = api.get(name, BOB, id=known), api.get(name, BOB, id=unknown)
        assert shape(foreign, known) == shape(absent, unknown)
    foreign, absent = (api.get("get_load_test_task", BOB, taskId=task) for task in ("ldtask_1", "ldtask_0"))
    assert shape(foreign, "ldtask_1") == shape(absent, "ldtask_0")


def test_a_body_or_header_that_claims_a_user_changes_nothing(api: Api, world: World) -> None:
    claims = {
        "userId": "alice",
        "user": {"userId": "alice"},
        "user_id": "alice",
        "createdBy": "alice",
        "x-local-user": "a",
    }
    headers = {
        "X-Local-User": "alice",
        "x-user-id": "alice",
        "authorization": "Bearer alice",
        "x-amzn-oidc-identity": "alice",
    }
    pretender = Caller("bob", headers=headers)

    for name, method, fields in world.requests():
        assert call(api, pretender, name, method, fields | claims).status == 404, name
    mine = api.post(
        "create_load_test_definition", pretender, name="n", endpoint="http://h", entry="URL", urlCase={}, **claims
    ).result
    assert api.get("get_load_test_definition", BOB, id=mine).result["createdBy"] == "bob"
    assert api.get("get_load_test_definition", id=mine).status == 404


@pytest.mark.parametrize("user", [None, "", "   "])
def test_no_identity_is_401_everywhere(api: Api, world: World, user: str | None) -> None:
    nobody = Caller(user, headers={"x-local-user": "alice"})
    queries = ("query_load_test_definitions", "query_load_test_strategies", "query_load_test_tasks")

    for name, method, fields in [
        *world.requests(),
        *((name, "POST", {}) for name in queries),
        ("get_load_test_statistics", "GET", {}),
        ("create_upload_url", "POST", {}),
    ]:
        answer = call(api, nobody, name, method, fields)
        assert (answer.status, answer.code) == (401, "UNAUTHENTICATED"), name
    assert api.upload_plan(caller=nobody).status == 401
    assert api.upload_data(b"x", "a.csv", nobody).status == 401


def test_a_jwt_names_the_caller_too(api: Api, definition_fields: dict[str, Any]) -> None:
    new_id = api.post("create_load_test_definition", Caller("carol", jwt=True), **definition_fields).result

    assert api.get("get_load_test_definition", Caller("carol"), id=new_id).result["createdBy"] == "carol"


@pytest.mark.parametrize(
    "authorizer",
    [
        {},
        {"iam": None},
        {"iam": {"userId": 5}},
        {"jwt": {"claims": {"name": "alice"}}},
        {"lambda": {"userId": "alice"}},
    ],
)
def test_an_authorizer_without_a_user_is_no_identity(api: Api, authorizer: dict[str, Any]) -> None:
    request = event("GET", query="taskId=x", caller=Caller(None))
    request["requestContext"]["authorizer"] = authorizer

    assert send("get_load_test_task", request).status == 401


def test_two_long_user_ids_never_meet() -> None:
    def known_as(user: str) -> str:
        return user_of({"requestContext": {"authorizer": {"iam": {"userId": user}}}})

    long = [f"{'x' * 100}{number}" for number in range(3)]
    names = [known_as(user) for user in [*long, "alice", "alice "]]
    assert len(set(names)) == 5
    assert all(len(name) <= 64 for name in names)
    assert known_as("alice") == "alice"


def test_an_event_without_anything_is_401_and_no_crash() -> None:
    assert handler_of("get_load_test_task")({}, None)["statusCode"] == 401


def test_two_people_of_one_cognito_identity_pool_are_two_users() -> None:
    def user(identity: str) -> str:
        # As API Gateway sends it: everybody of a pool has the same role and the same session name.
        iam = {
            "userId": "AROAEXAMPLE:CognitoIdentityCredentials",
            "cognitoIdentity": {"amr": ["authenticated"], "identityId": identity, "identityPoolId": "us-east-1:pool"},
        }
        return user_of({"requestContext": {"authorizer": {"iam": iam}}})

    assert user("us-east-1:alice") == "us-east-1:alice"
    assert user("us-east-1:mallory") == "us-east-1:mallory"


def test_an_iam_caller_that_came_through_no_identity_pool_is_its_user_id() -> None:
    iam = {"userId": "AIDAEXAMPLE", "cognitoIdentity": None}
    assert user_of({"requestContext": {"authorizer": {"iam": iam}}}) == "AIDAEXAMPLE"
