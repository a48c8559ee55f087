"""The state of many runs: few calls, one budget, and no thousand timeouts on a dead engine."""

import socket
import time
from collections.abc import Iterator

import pytest
from tandem.adapters.engine.client import HttpLoadEngine
from tandem.adapters.engine.settings import EngineSettings
from tandem.domain.errors import EngineError, EngineUnavailable
from tandem.domain.load_engine import EngineRun, EngineStatus, StartLoad

from tests.fakes.engine_traps import DEPLOYED, Call, Fault, FaultKind
from tests.fakes.trap_engine import TrapEngine

MANY = [f"{number:08x}" for number in range(1000)]


@pytest.fixture
def engine() -> Iterator[TrapEngine]:
    with TrapEngine(DEPLOYED) as whole:
        yield whole


def started(client: HttpLoadEngine, count: int) -> list[str]:
    return [client.start(StartLoad(f"tandem task-{number}", "x.jmx")).execution_id for number in range(count)]


def test_no_ids_need_no_call_but_the_list(engine: TrapEngine) -> None:
    survey = HttpLoadEngine(EngineSettings(engine.url)).survey([], 1.0)
    assert (survey.answers, survey.listed) == ({}, [])
    assert [call.call for call in engine.calls] == [Call.LIST]


def test_many_ids_cost_one_list_and_only_the_rest_by_id(engine: TrapEngine) -> None:
    client = HttpLoadEngine(EngineSettings(engine.url))
    ids = started(client, 20)
    answers = client.survey([*ids, "00000000", *ids], 5.0).answers
    assert set(answers) == {*ids, "00000000"}
    assert answers["00000000"] is None
    assert all(isinstance(answers[key], EngineRun) for key in ids)
    assert len(engine.calls_of(Call.LIST)) == 1
    assert len(engine.calls_of(Call.STATUS)) == 1


def test_what_the_list_does_not_hold_is_asked_by_id(engine: TrapEngine) -> None:
    client = HttpLoadEngine(EngineSettings(engine.url))
    ids = started(client, 520)
    answers = client.survey(ids, 10.0).answers
    assert all(isinstance(answers[key], EngineRun) for key in ids)
    assert len(engine.calls_of(Call.STATUS)) == 20


@pytest.mark.parametrize(
    "kind", [FaultKind.ERROR_500, FaultKind.HTML_200, FaultKind.WRONG_JSON, FaultKind.HUGE, FaultKind.BUSY_503]
)
def test_a_bad_list_is_made_up_for_by_id(engine: TrapEngine, kind: FaultKind) -> None:
    client = HttpLoadEngine(EngineSettings(engine.url))
    ids = started(client, 20)
    engine.add_fault(Fault(kind, on=frozenset({Call.LIST}), calls=None))
    answers = client.survey(ids, 10.0).answers
    assert all(isinstance(answers[key], EngineRun) for key in ids)


def test_a_refused_connection_answers_a_thousand_ids_at_once(engine: TrapEngine) -> None:
    client = HttpLoadEngine(EngineSettings(engine.url))
    engine.go_down()
    begun = time.monotonic()
    answers = client.survey(MANY, 10.0).answers
    assert time.monotonic() - begun < 2.0
    assert set(answers) == set(MANY)
    assert all(isinstance(answer, EngineUnavailable) for answer in answers.values())


def test_a_hung_engine_costs_a_few_timeouts_not_a_thousand(engine: TrapEngine) -> None:
    client = HttpLoadEngine(EngineSettings(engine.url, status_call_seconds=0.3, read_call_seconds=0.5))
    engine.add_fault(Fault(FaultKind.HANG, calls=None, seconds=20.0))
    begun = time.monotonic()
    answers = client.survey(MANY, 10.0).answers
    assert time.monotonic() - begun < 2.0
    assert all(isinstance(answer, EngineError) for answer in answers.values())
    assert len(engine.calls) < 140


def test_the_budget_bounds_an_engine_that_trickles(engine: TrapEngine) -> None:
    client = HttpLoadEngine(EngineSettings(engine.url))
    engine.add_fault(Fault(FaultKind.TRICKLE_HEADERS, calls=None, seconds=20.0))
    begun = time.monotonic()
    answers = client.survey(MANY, 1.0).answers
    assert time.monotonic() - begun < 2.0
    assert all(isinstance(answer, EngineError) for answer in answers.values())


def test_an_engine_that_is_slow_but_alive_is_asked_until_the_budget_is_spent(engine: TrapEngine) -> None:
    client = HttpLoadEngine(EngineSettings(engine.url, fan_out_connections=4))
    ids = started(client, 7)
    engine.add_fault(Fault(FaultKind.ERROR_500, on=frozenset({Call.LIST})))
    engine.add_fault(Fault(FaultKind.SLOW, on=frozenset({Call.STATUS}), calls=None, seconds=0.4))
    answers = client.survey(ids, 0.6).answers
    told = [answer for answer in answers.values() if isinstance(answer, EngineRun)]
    assert len(told) == 4
    assert {run.status for run in told} == {EngineStatus.RUNNING}
    assert sum(isinstance(answer, EngineError) for answer in answers.values()) == 3


def test_a_few_hung_ids_do_not_make_the_engine_dead(engine: TrapEngine) -> None:
    client = HttpLoadEngine(EngineSettings(engine.url, status_call_seconds=0.3, fan_out_connections=4))
    ids = started(client, 60)
    for key in ids[::15]:
        engine.add_fault(Fault(FaultKind.HANG, on=frozenset({Call.STATUS}), execution_id=key, calls=None, seconds=2.0))
    engine.add_fault(Fault(FaultKind.ERROR_500, on=frozenset({Call.LIST})))
    answers = client.survey(ids, 10.0).answers
    assert sum(isinstance(answer, EngineError) for answer in answers.values()) == 4


def test_a_port_that_speaks_no_http_is_an_error_for_every_id() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(64)  # accepts in the kernel and never says a word
        settings = EngineSettings(
            f"http://127.0.0.1:{deaf.getsockname()[1]}", status_call_seconds=0.3, read_call_seconds=0.3
        )
        begun = time.monotonic()
        answers = HttpLoadEngine(settings).survey(MANY, 10.0).answers
        assert time.monotonic() - begun < 2.0
        assert all(isinstance(answer, EngineError) for answer in answers.values())
