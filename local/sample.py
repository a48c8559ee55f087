"""`make sample`: a plan, a definition and a strategy for the experiment of events/experiment_starting.json."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from local.demo.api import TandemApi
from local.demo.failure import DemoFailure
from local.errors import StackError
from local.settings import PROJECT, Settings

PLAN = PROJECT / "examples" / "checkout.jmx"
EVENT = PROJECT / "events" / "experiment_starting.json"
NAME = "sample-checkout"
_THREADS = 12
_LEAD_SECONDS = 10
_TRAFFIC_SECONDS = 120


def make_sample(settings: Settings, target: str | None, say: Callable[[str], None]) -> None:
    """Creates what is not there yet, and brings the rest up to date; can be repeated. Raises StackError.

    `target` None: the shop that `make up` runs.
    """
    endpoint = (target or _shop_of(settings)).rstrip("/")
    experiment_id = json.loads(EVENT.read_text(encoding="utf-8"))["detail"]["experimentId"]
    url = f"http://127.0.0.1:{settings.api_port}"
    with httpx.Client(trust_env=False) as client:
        try:
            definition = _definition(TandemApi(client, url), endpoint)
            strategy = _strategy(TandemApi(client, url), definition, experiment_id)
        except DemoFailure as error:
            raise StackError(f"the sample could not be made at {url} (is `make up` running?): {error}") from error
    say(f"definition  {definition}  {_THREADS} users of {_shown(PLAN)} against {endpoint}")
    say(f"strategy    {strategy}  for the experiment {experiment_id}: load {_LEAD_SECONDS} s before the fault")
    say(f"Next: make event FILE={_shown(EVENT)}, and look at {url}/console")


def _shop_of(settings: Settings) -> str:
    try:
        return settings.shop_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise StackError(
            f"no shop runs for the state directory {settings.state_directory}: start `make up` first, "
            "or name your own system with TARGET=http://127.0.0.1:9000"
        ) from error


def _definition(api: TandemApi, endpoint: str) -> str:
    fields: dict[str, Any] = {
        "name": NAME,
        "engineType": "JMETER",
        "endpoint": endpoint,
        "entry": "JMX",
        "contentRef": api.upload_plan(PLAN)["uploadPath"],
        "threads": _THREADS,
        "rampUp": 2,
    }
    known = api.definition_named(NAME)
    if known is None:
        return api.create_definition(fields)
    api.update_definition({"id": known, **fields})
    return known


def _strategy(api: TandemApi, definition: str, experiment_id: str) -> str:
    fields: dict[str, Any] = {
        "definitionId": definition,
        "experimentId": experiment_id,
        "enable": True,
        "startBeforeFaultSec": _LEAD_SECONDS,
        "trafficDurationSec": _TRAFFIC_SECONDS,
        "abortOnLoadFailure": True,
        "stopOnCompletion": True,
    }
    known = api.strategy_of(experiment_id)
    if known is None:
        return api.create_strategy(fields)
    api.update_strategy({"id": known, **fields})
    return known


def _shown(file: Path) -> str:
    return str(file.relative_to(PROJECT))
