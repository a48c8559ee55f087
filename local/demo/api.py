"""A client of Tandem's HTTP API, as any user could write one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from local.demo.failure import DemoFailure

_TIMEOUT = 30.0


class TandemApi:
    """The endpoints that the demo calls. Each raises DemoFailure with what the API said when it is refused."""

    def __init__(self, client: httpx.Client, url: str) -> None:
        self._client = client
        self._url = url

    def upload_plan(self, plan: Path) -> Any:
        """Uploads a test plan; answers where it is stored and what the preflight found."""
        return self._post("/UploadJmxFile", files={"file": (plan.name, plan.read_bytes(), "application/xml")})

    def create_definition(self, fields: dict[str, Any]) -> str:
        """Creates a load-test definition; answers its id."""
        return str(self._post("/CreateLoadTestDefinition", json=fields))

    def create_strategy(self, fields: dict[str, Any]) -> str:
        """Creates a strategy; answers its id."""
        return str(self._post("/CreateLoadTestStrategy", json=fields))

    def definition_named(self, name: str) -> str | None:
        """The id of the definition of exactly this name; None when there is none."""
        found = self._post("/QueryLoadTestDefinitions", json={"name": name, "pageSize": 100})["data"]
        return next((str(each["id"]) for each in found if each["name"] == name), None)

    def update_definition(self, fields: dict[str, Any]) -> None:
        """Changes a definition."""
        self._post("/UpdateLoadTestDefinition", json=fields)

    def strategy_of(self, experiment_id: str) -> str | None:
        """The id of an experiment's strategy; None when there is none."""
        found = self._post("/QueryLoadTestStrategies", json={"experimentId": experiment_id})["data"]
        return str(found[0]["id"]) if found else None

    def update_strategy(self, fields: dict[str, Any]) -> None:
        """Changes a strategy."""
        self._post("/UpdateLoadTestStrategy", json=fields)

    def task(self, experiment_task_id: str) -> Any:
        """The load-test task of an experiment task; None before there is one."""
        try:
            answer = self._send("GET", "/GetLoadTestTask", params={"experimentTaskId": experiment_task_id})
        except httpx.TransportError as exc:
            raise DemoFailure(f"GET /GetLoadTestTask was not answered: {exc}") from exc
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return _result("GET /GetLoadTestTask", answer)

    def results(self, experiment_task_id: str) -> Any:
        """Where the results of a task lie."""
        return self._get("/GetLoadTestResults", experimentTaskId=experiment_task_id)

    def events(self, experiment_task_id: str) -> list[str]:
        """The task's events in order of time, the newest 1,000; each is a JSON text."""
        return list(self._get("/GetLoadTestEvents", experimentTaskId=experiment_task_id, tail=1000)["events"])

    def report(self, experiment_task_id: str) -> str:
        """The report of a run: one HTML page that needs nothing beside itself. Raises DemoFailure."""
        path = "/GetLoadTestReport"
        try:
            answer = self._send("GET", path, params={"experimentTaskId": experiment_task_id})
        except httpx.TransportError as exc:
            raise DemoFailure(f"GET {path} was not answered: {exc}") from exc
        if answer.status_code != httpx.codes.OK:
            raise DemoFailure(f"GET {path} answered {answer.status_code}")
        return answer.text

    def _get(self, path: str, **parameters: Any) -> Any:
        return self._call("GET", path, params=parameters)

    def _post(self, path: str, **options: Any) -> Any:
        return self._call("POST", path, **options)

    def _call(self, method: str, path: str, **options: Any) -> Any:
        try:
            return _result(f"{method} {path}", self._send(method, path, **options))
        except httpx.TransportError as exc:
            raise DemoFailure(f"{method} {path} was not answered: {exc}") from exc

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._client.request(method, self._url + path, timeout=_TIMEOUT, **options)


def _result(call: str, answer: httpx.Response) -> Any:
    """The `result` of the envelope. Raises DemoFailure."""
    try:
        document = answer.json()
    except ValueError as exc:
        raise DemoFailure(f"{call} answered {answer.status_code} and no JSON") from exc
    if answer.status_code == httpx.codes.OK and document.get("success"):
        return document["result"]
    error = document.get("error") or {}
    # A detail that the message has already said is not said again.
    message = str(error.get("message") or "")
    told = [fault for fault in error.get("details") or [] if str(fault.get("message")).strip(".") not in message]
    details = "; ".join(f"{fault.get('field')} {fault.get('message')}" for fault in told)
    said = ": ".join(filter(None, [error.get("code"), message, details]))
    raise DemoFailure(f"{call} answered {answer.status_code}: {said or document}")
