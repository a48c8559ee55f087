"""The client against the trap engine over real HTTP: every fault of a call and every trap of the API."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone

import pytest
from tandem.adapters.engine.client import HttpLoadEngine
from tandem.adapters.engine.settings import EngineSettings
from tandem.domain.engine_capabilities import EngineCapabilities
from tandem.domain.engine_state import Ended, StopOrder, StopReason, TaskFacts, Unchanged, judge
from tandem.domain.errors import (
    EngineAnsweredWrongly,
    EngineAnswerLost,
    EngineError,
    EngineRefused,
    EngineUnavailable,
)
from tandem.domain.load_engine import Deletion, EngineRun, EngineStatus, StartLoad, StopAnswer
from tandem.domain.task import TaskStatus

from tests.fakes.engine_traps import DEPLOYED, Call, Fault, FaultKind, Traps
from tests.fakes.trap_engine import TrapEngine

T0 = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LOAD = StartLoad(test_name="tandem task-1", plan_path="uploads/testplans/x.jmx", duration=60, threads=2)


class Clock:
    def __init__(self) -> None:
        self.at = T0.timestamp()

    def __call__(self) -> float:
        return self.at


def client(engine: TrapEngine, **changes: object) -> HttpLoadEngine:
    quick: dict[str, object] = {
        "base_url": engine.url,
        "connect_seconds": 0.5,
        "silence_seconds": 0.5,
        "read_call_seconds": 0.6,
        "status_call_seconds": 0.6,
        "start_call_seconds": 0.6,
        "stop_call_seconds": 0.6,
        "upload_call_seconds": 5.0,
        "download_call_seconds": 0.6,
    }
    return HttpLoadEngine(EngineSettings(**(quick | changes)))  # type: ignore[arg-type]


@contextmanager
def trap_engine(traps: Traps = DEPLOYED) -> Iterator[TrapEngine]:
    with TrapEngine(traps, now=Clock()) as engine:
        yield engine


@pytest.fixture
def engine() -> Iterator[TrapEngine]:
    with trap_engine() as whole:
        yield whole


def facts(after_seconds: float, stop: StopReason | None = None) -> TaskFacts:
    now = T0 + timedelta(seconds=after_seconds)
    order = None if stop is None else StopOrder(now - timedelta(seconds=5), stop)
    return TaskFacts(now=now, load_started_at=T0, planned_seconds=60, stop=order, task_id="task-1")


# --- faults of a call -------------------------------------------------------------------------------------------

LOST, WRONG, REFUSED, UNAVAILABLE = EngineAnswerLost, EngineAnsweredWrongly, EngineRefused, EngineUnavailable

FAULTS: dict[FaultKind, type[EngineError]] = {
    FaultKind.CUT: LOST,
    FaultKind.DO_AND_CUT: LOST,
    FaultKind.DO_AND_500: LOST,
    FaultKind.DO_AND_HANG: LOST,
    FaultKind.HANG: LOST,
    FaultKind.TRICKLE_HEADERS: LOST,
    FaultKind.TRICKLE_BODY: LOST,
    FaultKind.ERROR_500: LOST,
    FaultKind.PROXY_502: LOST,
    FaultKind.PROXY_504: LOST,
    FaultKind.BUSY_503: UNAVAILABLE,
    FaultKind.FRAMEWORK_400: REFUSED,
    FaultKind.HTML_200: WRONG,
    FaultKind.HTML_404: REFUSED,
    FaultKind.EMPTY_404: REFUSED,
    FaultKind.WRONG_JSON: WRONG,
    FaultKind.WRONG_SHAPE: WRONG,
    FaultKind.DEEP_JSON: WRONG,
    FaultKind.HUGE: WRONG,
    FaultKind.NOT_HTTP: LOST,
    FaultKind.REDIRECT: WRONG,
}


def test_every_fault_is_tried() -> None:
    assert set(FAULTS) == set(FaultKind) - {FaultKind.SLOW, FaultKind.OTHER_RUN}


@pytest.mark.parametrize("kind", list(FAULTS))
def test_a_start_that_goes_wrong_says_whether_it_may_have_taken_effect(engine: TrapEngine, kind: FaultKind) -> None:
    engine.add_fault(Fault(kind, on=frozenset({Call.START}), seconds=5.0))
    begun = time.monotonic()
    with pytest.raises(EngineError) as caught:
        client(engine).start(LOAD)
    assert type(caught.value) is FAULTS[kind]
    assert time.monotonic() - begun < 3.0, "the whole call is bounded, however its bytes trickle"
    assert len(engine.calls_of(Call.START)) == 1, "a start is sent once"
    if type(caught.value) in {EngineRefused, EngineUnavailable}:
        assert engine.starts("task-1") == 0, "a certain no must be true"
    elif engine.starts("task-1"):
        found = [run.execution_id for run in client(engine).list_runs() if run.test_name == LOAD.test_name]
        assert found == engine.runs_named("task-1"), "a start whose answer was lost is found again by its name"


@pytest.mark.parametrize("kind", list(FAULTS))
def test_a_status_that_goes_wrong_is_an_error_and_never_a_verdict(engine: TrapEngine, kind: FaultKind) -> None:
    whole = client(engine)
    run = whole.start(LOAD)
    engine.add_fault(Fault(kind, on=frozenset({Call.STATUS}), calls=None, seconds=5.0))
    begun = time.monotonic()
    if kind is FaultKind.EMPTY_404:
        assert whole.status(run.execution_id) is None
        return
    with pytest.raises(EngineError):
        whole.status(run.execution_id)
    assert time.monotonic() - begun < 3.0


@pytest.mark.parametrize("kind", list(FAULTS))
def test_one_bad_answer_spoils_no_other_status(engine: TrapEngine, kind: FaultKind) -> None:
    whole = client(engine, status_call_seconds=1.5)  # room for the good answers on a busy machine
    ids = [whole.start(LOAD).execution_id for _ in range(5)]
    engine.add_fault(Fault(kind, on=frozenset({Call.STATUS}), execution_id=ids[2], calls=None, seconds=5.0))
    engine.add_fault(Fault(FaultKind.ERROR_500, on=frozenset({Call.LIST})))
    answers = whole.survey(ids, budget_seconds=5.0).answers
    assert set(answers) == set(ids)
    for execution_id in ids:
        answer = answers[execution_id]
        if execution_id != ids[2]:
            assert not isinstance(answer, EngineError)
            assert answer is not None
            assert answer.status is EngineStatus.RUNNING
        elif kind is FaultKind.EMPTY_404:
            assert answer is None
        else:
            assert isinstance(answer, EngineError)


@pytest.mark.parametrize("kind", list(FAULTS))
def test_a_stop_that_goes_wrong_is_never_taken_for_done(engine: TrapEngine, kind: FaultKind) -> None:
    whole = client(engine)
    run = whole.start(LOAD)
    engine.add_fault(Fault(kind, on=frozenset({Call.STOP}), seconds=5.0))
    if kind in {FaultKind.EMPTY_404, FaultKind.FRAMEWORK_400}:
        assert whole.stop(run.execution_id) is StopAnswer.ALREADY_ENDED_OR_UNKNOWN
        return
    if kind is FaultKind.WRONG_SHAPE:
        assert whole.stop(run.execution_id) is StopAnswer.STOPPED, "a stop's data says nothing beyond success"
        return
    with pytest.raises(EngineError):
        whole.stop(run.execution_id)
    engine.clear_faults()
    assert whole.stop(run.execution_id) in set(StopAnswer), "a stop is safe to repeat"
    assert engine.running() == set()


def test_a_refused_connection_certainly_had_no_effect(engine: TrapEngine) -> None:
    whole = client(engine)
    assert whole.health()
    engine.go_down()
    with pytest.raises(EngineUnavailable):
        whole.start(LOAD)
    with pytest.raises(EngineUnavailable):
        whole.status("ab12cd34")
    assert not whole.health()
    engine.come_up()
    assert whole.health(), "a kept connection that died is replaced"
    assert engine.starts("task-1") == 0


def test_a_connection_that_is_never_accepted_certainly_had_no_effect() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        queue = []
        for _ in range(4):  # fill the backlog, so that the next connection gets no answer at all
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
            queue.append(filler)
        try:
            settings = EngineSettings(f"http://127.0.0.1:{deaf.getsockname()[1]}", connect_seconds=0.3)
            with pytest.raises(EngineUnavailable):
                HttpLoadEngine(settings).start(LOAD)
        finally:
            for filler in queue:
                filler.close()


def test_a_busy_engine_names_when_to_come_again(engine: TrapEngine) -> None:
    engine.add_fault(Fault(FaultKind.BUSY_503))
    with pytest.raises(EngineUnavailable) as caught:
        client(engine).start(LOAD)
    assert caught.value.retry_after == 7.0


def test_a_read_is_asked_again_when_its_kept_connection_was_closed(engine: TrapEngine) -> None:
    engine.add_fault(Fault(FaultKind.CUT, on=frozenset({Call.LIST})))
    assert list(client(engine).list_runs()) == []
    assert len(engine.calls_of(Call.LIST)) == 2


def test_the_token_goes_with_every_request(engine: TrapEngine) -> None:
    whole = client(engine, token="s3cret-token")
    ids = [whole.start(LOAD).execution_id]
    whole.survey(ids, budget_seconds=2.0)
    assert {record.headers["Authorization"] for record in engine.calls} == {"Bearer s3cret-token"}


class Secret:
    """The token as its secret holds it, and how often it was read."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.reads = 0

    def read(self) -> str:
        self.reads += 1
        return self.token


def test_a_token_that_was_changed_is_read_anew_once_and_the_call_is_made_again(engine: TrapEngine) -> None:
    secret = Secret("first")
    warm = client(engine, token="first", read_token=secret.read)
    engine.token = secret.token = "second"
    started = warm.start(LOAD)
    assert warm.status(started.execution_id) is not None
    assert (secret.reads, len(engine.calls_of(Call.START))) == (1, 2)
    assert engine.running() == {started.execution_id}


def test_a_changed_token_is_noticed_by_looks_at_many_states_by_files_and_by_uploads(engine: TrapEngine) -> None:
    first, *others = [client(engine).start(LOAD) for _ in range(3)]
    ids = [each.execution_id for each in (first, *others)]
    secret = Secret("second")
    engine.token = "second"
    warm = client(engine, token="first", read_token=secret.read)
    assert all(isinstance(each, EngineRun) for each in warm.survey(ids, budget_seconds=2.0).answers.values())
    warm = client(engine, token="first", read_token=secret.read)
    with warm.open_result_file(first.result_path or "") as pieces:
        assert isinstance(b"".join(pieces), bytes)
    # What was sent in pieces is gone: the caller sends it again.
    warm = client(engine, token="first", read_token=secret.read)
    with pytest.raises(EngineUnavailable):
        warm.upload_plan("plan.jmx", iter([b"<x/>"]))
    assert warm.upload_plan("plan.jmx", iter([b"<x/>"]))
    assert warm.health()


def test_a_token_that_is_simply_wrong_is_not_read_with_every_call(engine: TrapEngine) -> None:
    engine.token = "right"
    secret = Secret("wrong")
    warm = client(engine, token="wrong", read_token=secret.read)
    for _ in range(3):
        with pytest.raises(EngineRefused):
            warm.list_runs()
    assert secret.reads == 1


def test_results_are_deleted_where_the_engine_offers_it(engine: TrapEngine) -> None:
    whole = client(engine)
    run = whole.start(LOAD)
    assert whole.delete_results(run.execution_id) is Deletion.NOT_OFFERED
    engine.deletes = True
    with pytest.raises(EngineRefused):
        whole.delete_results(run.execution_id)
    whole.stop(run.execution_id)
    assert [whole.delete_results(run.execution_id) for _ in range(2)] == [Deletion.GONE, Deletion.GONE]
    assert whole.status(run.execution_id) is None


def test_an_engine_that_does_not_say_what_it_can_load_is_not_judged(engine: TrapEngine) -> None:
    whole = client(engine, capabilities_call_seconds=0.6)
    assert whole.capabilities() is None
    engine.capabilities = {"engine": "tandem", "elements": ["ThreadGroup"], "functions": None, "unknown": {"a": 1}}
    told = whole.capabilities()
    assert told == EngineCapabilities(engine="tandem", elements=frozenset({"ThreadGroup"}))
    assert told.lacks_element("kg.apc.jmeter.threads.UltimateThreadGroup")
    assert not told.lacks_element("ThreadGroup")
    assert not told.lacks_function("__P")
    engine.capabilities = {"elements": "ThreadGroup"}
    with pytest.raises(EngineAnsweredWrongly, match="elements"):
        whole.capabilities()
    engine.add_fault(Fault(FaultKind.HANG, on=frozenset({Call.CAPABILITIES}), seconds=5.0))
    begun = time.monotonic()
    with pytest.raises(EngineAnswerLost):
        whole.capabilities()
    assert time.monotonic() - begun < 3


# --- traps of the API -------------------------------------------------------------------------------------------


def test_trap_1_times_without_zone_are_utc_or_in_the_zone_that_is_set() -> None:
    with trap_engine(Traps(zone_offset_seconds=8 * 3600)) as engine:
        assert client(engine).start(LOAD).started_at == T0 + timedelta(hours=8)
        assert client(engine, zone=timezone(timedelta(hours=8))).start(LOAD).started_at == T0


def test_trap_2_a_slow_stop_is_waited_for_and_nothing_else_waits() -> None:
    with trap_engine(Traps(stop_takes_seconds=0.5)) as engine:
        patient = client(engine, stop_call_seconds=5.0)
        run = patient.start(LOAD)
        answers: list[StopAnswer] = []
        stopping = threading.Thread(target=lambda: answers.append(patient.stop(run.execution_id)))
        stopping.start()
        meanwhile = patient.status(run.execution_id)
        stopping.join()
        assert meanwhile is not None
        assert meanwhile.status is EngineStatus.RUNNING
        assert answers == [StopAnswer.STOPPED]
        impatient = client(engine, stop_call_seconds=0.1)
        second = impatient.start(LOAD)
        with pytest.raises(EngineAnswerLost):
            impatient.stop(second.execution_id)


def test_trap_3_stopped_at_the_full_duration_is_success(engine: TrapEngine) -> None:
    run = client(engine).start(LOAD)
    engine.advance(61)
    ended = client(engine).status(run.execution_id)
    assert ended is not None
    assert ended.status is EngineStatus.STOPPED
    verdict = judge(ended, facts(61))
    assert isinstance(verdict, Ended)
    assert verdict.status is TaskStatus.SUCCEEDED
    assert verdict.ended_at == T0 + timedelta(seconds=60)


def test_trap_4_failed_after_our_stop_is_stopped() -> None:
    with trap_engine(Traps(stop_ends_as_failed=True)) as engine:
        whole = client(engine)
        run = whole.start(LOAD)
        engine.advance(20)
        assert whole.stop(run.execution_id) is StopAnswer.STOPPED
        ended = whole.status(run.execution_id)
        assert ended is not None
        assert ended.status is EngineStatus.FAILED
        verdict = judge(ended, facts(25, StopReason.USER))
        assert isinstance(verdict, Ended)
        assert verdict.status is TaskStatus.STOPPED


@pytest.mark.parametrize("lose_names", [False, True])
def test_trap_6_a_restart_forgets_and_calls_it_completed(engine: TrapEngine, lose_names: bool) -> None:
    whole = client(engine)
    run = whole.start(LOAD)
    engine.advance(20)
    assert whole.metrics(run.execution_id) is not None
    engine.restart(lose_names=lose_names)
    assert whole.metrics(run.execution_id) is None
    assert whole.results(run.execution_id) is None
    told = whole.status(run.execution_id)
    assert told is not None
    assert told.status is EngineStatus.COMPLETED
    verdict = judge(told, facts(20))
    assert isinstance(verdict, Ended)
    assert verdict.counts_as_load_failure is lose_names, "only a record that lost its name shows what happened"


def test_trap_7_a_cut_off_result_file_is_streamed_as_it_is() -> None:
    with trap_engine(Traps(jtl_cut_off=True)) as engine:
        whole = client(engine)
        run = whole.start(LOAD)
        engine.advance(30)
        assert run.result_path is not None
        with whole.open_result_file(run.result_path) as pieces:
            content = b"".join(pieces)
        assert len(content) % 4096 == 0
        assert content.startswith(b"timeStamp,elapsed,label")


def test_trap_8_an_unknown_execution_is_none_also_with_an_empty_body(engine: TrapEngine) -> None:
    whole = client(engine)
    for traps in (DEPLOYED, Traps()):
        engine.set_traps(traps)
        assert whole.status("00000000") is None
        assert whole.metrics("00000000") is None
        assert whole.results("00000000") is None
        assert whole.events("00000000", 10) == []
        assert whole.stop("00000000") is StopAnswer.ALREADY_ENDED_OR_UNKNOWN


def test_trap_8_a_proxys_404_is_no_word_of_the_engine(engine: TrapEngine) -> None:
    whole = client(engine)
    run = whole.start(LOAD)
    engine.add_fault(Fault(FaultKind.HTML_404, calls=None))
    for ask in (whole.status, whole.metrics, whole.results, whole.stop):
        with pytest.raises(EngineError):
            ask(run.execution_id)


def test_trap_12_a_refused_start_is_found_as_failed_in_the_list(engine: TrapEngine) -> None:
    engine.set_traps(Traps(any_plan=False, refused_start_leaves_record=True))
    whole = client(engine)
    with pytest.raises(EngineAnswerLost) as caught:
        whole.start(LOAD)
    assert "test plan not found" in caught.value.message
    assert engine.starts("task-1") == 0
    (record,) = whole.list_runs()
    assert (record.test_name, record.status) == (LOAD.test_name, EngineStatus.FAILED)
    engine.set_traps(Traps(any_plan=False))
    with pytest.raises(EngineRefused):
        whole.start(LOAD)


def test_trap_13_a_stop_turns_completed_into_stopped_and_success_stays(engine: TrapEngine) -> None:
    engine.set_traps(Traps(stop_of_ended_is_ok=True))
    whole = client(engine)
    run = whole.start(LOAD)
    engine.advance(100)
    assert whole.stop(run.execution_id) is StopAnswer.STOPPED
    told = whole.status(run.execution_id)
    assert told is not None
    assert told.status is EngineStatus.STOPPED
    verdict = judge(told, facts(105, StopReason.DEADLINE))
    assert isinstance(verdict, Ended)
    assert verdict.status is TaskStatus.SUCCEEDED, "by the engine's own count it had ended before we asked"


def test_trap_14_failed_just_after_the_duration_is_looked_at_again() -> None:
    with trap_engine(Traps(duration_ends_as_stopped=True, failed_before_final_seconds=15)) as engine:
        whole = client(engine)
        run = whole.start(LOAD)
        engine.advance(65)
        first = whole.status(run.execution_id)
        assert first is not None
        assert first.status is EngineStatus.FAILED
        verdict = judge(first, facts(65))
        assert isinstance(verdict, Unchanged)
        assert verdict.look_again
        engine.advance(15)
        final = judge(whole.status(run.execution_id), facts(80))
        assert isinstance(final, Ended)
        assert final.status is TaskStatus.SUCCEEDED


def test_trap_15_a_restart_can_leave_load_that_no_stop_reaches(engine: TrapEngine) -> None:
    whole = client(engine)
    run = whole.start(LOAD)
    engine.advance(20)
    engine.restart(kill_load=False, lose_names=True)
    assert whole.stop(run.execution_id) is StopAnswer.ALREADY_ENDED_OR_UNKNOWN
    assert engine.running() == {run.execution_id}
    verdict = judge(whole.status(run.execution_id), facts(20))
    assert isinstance(verdict, Ended)
    assert verdict.load_may_go_on


def test_a_restart_that_forgets_everything_is_a_404(engine: TrapEngine) -> None:
    whole = client(engine)
    run = whole.start(LOAD)
    engine.restart(forget_runs=True)
    assert whole.status(run.execution_id) is None


def test_an_unknown_word_is_unknown(engine: TrapEngine) -> None:
    engine.set_traps(Traps(shown_status="PAUSED"))
    run = client(engine).start(LOAD)
    assert (run.status, run.raw_status) == (EngineStatus.UNKNOWN, "PAUSED")


def test_an_answer_about_another_execution_is_wrong(engine: TrapEngine) -> None:
    engine.add_fault(Fault(FaultKind.OTHER_RUN, on=frozenset({Call.STATUS}), calls=None))
    whole = client(engine)
    with pytest.raises(EngineAnsweredWrongly):
        whole.status("ab12cd34")
    assert isinstance(whole.survey(["ab12cd34"], 2.0).answers["ab12cd34"], EngineAnsweredWrongly)


@pytest.mark.parametrize("offset_hours", [-30, 5])
def test_a_clock_that_is_off_changes_no_verdict(offset_hours: int) -> None:
    with trap_engine(Traps(clock_offset_seconds=offset_hours * 3600, duration_ends_as_stopped=True)) as engine:
        whole = client(engine)
        run = whole.start(LOAD)
        engine.advance(70)
        verdict = judge(whole.status(run.execution_id), facts(70))
        assert isinstance(verdict, Ended)
        assert verdict.status is TaskStatus.SUCCEEDED
        assert verdict.ended_at == T0 + timedelta(seconds=60)


# --- the rest of the port ---------------------------------------------------------------------------------------


def test_an_upload_is_streamed_and_its_path_is_fit_for_a_start(engine: TrapEngine) -> None:
    engine.set_traps(Traps(any_plan=False))
    whole = client(engine)
    path = whole.upload_plan('压测 "x".jmx', (bytes([65 + number]) * 1000 for number in range(3)))
    assert path.startswith("uploads/testplans/")
    assert engine.uploaded(path) == b"A" * 1000 + b"B" * 1000 + b"C" * 1000
    assert "Content-Length" not in engine.calls_of(Call.UPLOAD)[0].headers, "its length is not known before its end"
    run = whole.start(StartLoad(test_name="t", plan_path=path))
    assert run.status is EngineStatus.RUNNING
    data = whole.upload_data_file("users.csv", [b"a,b\n"])
    assert engine.uploaded(data) == b"a,b\n"


def test_an_upload_of_the_wrong_kind_is_refused_and_an_empty_one_fails(engine: TrapEngine) -> None:
    with pytest.raises(EngineRefused):
        client(engine).upload_plan("x.exe", [b"x"])
    with pytest.raises(EngineAnswerLost):
        client(engine).upload_plan("x.jmx", [])


def test_an_upload_whose_source_fails_tells_the_sources_error(engine: TrapEngine) -> None:
    def source() -> Iterator[bytes]:
        yield b"x"
        raise LookupError("the store is gone")

    with pytest.raises(LookupError):
        client(engine).upload_plan("x.jmx", source())
    assert client(engine).health()


def test_metrics_tell_whether_requests_arrive(engine: TrapEngine) -> None:
    engine.set_traps(Traps(throughput=40, error_rate=0.25))
    whole = client(engine)
    run = whole.start(LOAD)
    assert whole.metrics(run.execution_id) is None
    engine.advance(10)
    metrics = whole.metrics(run.execution_id)
    assert metrics is not None
    assert (metrics.total_requests, metrics.error_count, metrics.error_rate) == (400, 100, 0.25)
    assert metrics.throughput == pytest.approx(40)
    engine.set_traps_for(run.execution_id, Traps(traffic=False))
    assert whole.metrics(run.execution_id) is None


def test_events_and_results_are_read(engine: TrapEngine) -> None:
    whole = client(engine)
    run = whole.start(LOAD)
    engine.advance(70)
    events = whole.events(run.execution_id, 10)
    assert [event.type for event in events] == ["STARTED", "STOPPED"]
    assert events[0].at_ms == int(T0.timestamp() * 1000)
    assert len(whole.events(run.execution_id, 1)) == 1
    results = whole.results(run.execution_id)
    assert results is not None
    assert results.result_path == run.result_path


def test_a_result_file_that_is_absent_or_elsewhere_is_an_error(engine: TrapEngine) -> None:
    whole = client(engine)
    with pytest.raises(EngineRefused), whole.open_result_file("results/none/results.jtl"):
        pytest.fail("there is no such file")
    with pytest.raises(EngineAnsweredWrongly), whole.open_result_file("http://elsewhere/x"):
        pytest.fail("that is no path")


def test_a_result_file_may_be_read_between_other_calls_and_left_half_way(engine: TrapEngine) -> None:
    whole = client(engine, connections=1, download_call_seconds=5.0)
    run = whole.start(LOAD)
    engine.advance(59)
    assert run.result_path is not None
    with whole.open_result_file(run.result_path) as pieces:
        first = next(pieces)
        assert whole.stop(run.execution_id) is StopAnswer.STOPPED
        assert len(first) > 0
    assert whole.health(), "the connection that was left half way is not used again"


def test_a_result_file_that_trickles_is_given_up(engine: TrapEngine) -> None:
    whole = client(engine)
    run = whole.start(LOAD)
    engine.advance(30)
    engine.add_fault(Fault(FaultKind.TRICKLE_BODY, on=frozenset({Call.FILE}), seconds=5.0))
    assert run.result_path is not None
    begun = time.monotonic()
    with pytest.raises(EngineAnswerLost), whole.open_result_file(run.result_path) as pieces:
        list(pieces)
    assert time.monotonic() - begun < 2.0
