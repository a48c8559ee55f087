"""The OpenAPI document, and the health check."""

import json
from pathlib import Path

import pytest
from tandem import bootstrap
from tandem.domain.errors import AppError
from tandem.rest.app import STATUS_OF, status_of

from local.openapi import DOCUMENTS, document_text, error_codes, operations
from local.template import load_template
from tests.factories.api_events import Caller
from tests.fakes.trap_engine import TrapEngine
from tests.functional.conftest import Api

PROJECT = Path(__file__).resolve().parents[3]
NOBODY = Caller(None)


def test_the_committed_documents_are_what_the_handlers_say() -> None:
    for path in DOCUMENTS:
        assert path.read_text(encoding="utf-8") == document_text(), "run python -m local.openapi"


def test_the_document_is_served_as_it_is_without_identity(api: Api) -> None:
    answer = api.get("get_open_api", NOBODY)

    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.body == json.loads(DOCUMENTS[0].read_text(encoding="utf-8"))


def test_every_route_of_the_template_is_documented() -> None:
    documented = {(operation.method, operation.path) for operation in operations()}
    routes = {(route.method, route.path) for route in load_template(PROJECT / "template.yaml").routes}

    assert {(method, path) for method, path in routes if not path.startswith("/chaos/")} <= documented


def test_every_operation_documents_what_it_can_answer() -> None:
    document = json.loads(document_text())

    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            answers = set(operation["responses"])
            assert {"200", "422", "503"} <= answers, path
            assert ("401" in answers) == (path not in {"/health", "/openapi.json", "/console"})
            if method == "post":
                assert {"400", "413"} <= answers
                content = set(operation["requestBody"]["content"])
                assert "multipart/form-data" in content or content == {
                    "application/json",
                    "application/x-www-form-urlencoded",
                }
    assert "404" in document["paths"]["/StopLoadTestTask"]["post"]["responses"]
    assert "409" in document["paths"]["/CreateLoadTestStrategy"]["post"]["responses"]
    limits = document["components"]["schemas"]["TaskQuery"]["properties"]["pageSize"]
    assert (limits["minimum"], limits["maximum"], limits["default"]) == (1, 200, 20)


def test_error_codes_are_a_closed_list_and_each_family_has_a_status() -> None:
    codes = json.loads(document_text())["components"]["schemas"]["ErrorCode"]["enum"]

    assert set(codes) == error_codes()
    assert len(codes) == len(set(codes))
    assert all(400 <= status <= 599 for status in STATUS_OF.values())
    assert status_of(AppError) == 500


def test_health_is_up_when_database_and_engine_are(api: Api) -> None:
    up = {"status": "UP", "database": "UP", "engine": "UP", "engines": {"default": "UP"}}
    assert api.get("get_system_health").result == up
    assert api.get("get_system_health", NOBODY).status == 401


def test_anybody_may_ask_whether_the_api_answers_and_learns_and_touches_nothing_else(
    api: Api, engine: TrapEngine
) -> None:
    engine.go_down()
    assert api.get("get_health", NOBODY).result == {"status": "UP"}


def test_health_names_what_is_down(api: Api, engine: TrapEngine, settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    engine.go_down()
    answer = api.get("get_system_health")
    assert (answer.status, answer.code, list(answer.fields)) == (503, "NOT_HEALTHY", ["engine"])

    settings.setenv("TANDEM_DATABASE_URL", f"sqlite:///{tmp_path}/no/such/folder/x.db")
    bootstrap.reset()
    answer = api.get("get_system_health")
    assert (answer.status, list(answer.fields)) == (503, ["database", "engine"])
