"""The figures of a load on several engines: those of all files together, and honest where one is missing."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tandem.adapters.jtl.reader import read_jtl
from tandem.domain.archive import RunArchive, RunFigures
from tandem.domain.clock import Clock
from tandem.domain.engine_pool import EngineNotInPool, LoadEngines
from tandem.domain.engine_state import StopReason
from tandem.domain.errors import EngineRefused, EngineUnavailable
from tandem.domain.experiment_run import ExperimentRun, RunPlan
from tandem.domain.limits import Limits
from tandem.domain.load_engine import EngineStatus
from tandem.services.analyse_run import AnalyseRun
from tandem_samples import GroupKind, ThreadGroup

from tests.factories.experiments import NOON, definition, engine_run, run, seconds_after_noon, strategy
from tests.factories.jtl import Sample, jtl

START = int(NOON.timestamp() * 1000)
HEADER = "timeStamp,elapsed,label,responseCode,success\n"
OTHER_HEADER = "label,success,elapsed,timeStamp,responseCode\n"
AT = int(NOON.timestamp() * 1000)
FIRST = HEADER + "".join(f"{AT + each},{each},buy,200,true\n" for each in range(1, 51))
SECOND = OTHER_HEADER + "".join(f"buy,true,{each},{AT + each},200\n" for each in range(51, 101))


class Files:
    """Engines that serve one file each, or say why not; and an archive of some of them."""

    def __init__(
        self,
        on_engines: Mapping[str, str | None],
        kept: Mapping[int, str] = {},
        lacking: type[EngineUnavailable] = EngineUnavailable,
    ) -> None:
        self._on_engines, self._kept, self._lacking = on_engines, kept, lacking
        self.opened: list[str] = []
        self._name = ""

    def of(self, name: str) -> "Files":
        if name not in self._on_engines:
            raise self._lacking(f"{name} is down")
        self._name = name
        return self

    @contextmanager
    def open_result_file(self, result_path: str) -> Iterator[Iterator[bytes]]:
        content = self._on_engines[self._name]
        if content is None:
            raise EngineRefused("no such file")
        self.opened.append(f"{self._name}:{result_path}")
        yield iter([content.encode()])

    def samples(self, task_id: str, number: int) -> Iterator[bytes] | None:
        kept = self._kept.get(number)
        return None if kept is None else iter([kept.encode()])


def ended() -> ExperimentRun:
    over = going_on()
    over.request_stop(StopReason.USER, "enough", seconds_after_noon(5))
    told = {name: engine_run(EngineStatus.STOPPED) for name in ("a", "b")}
    over.learn_all(told, seconds_after_noon(6), is_sweep=True)
    return over


def going_on() -> ExperimentRun:
    over = run()
    over.plan = RunPlan(strategy(engines=2), definition(threads=2))
    over.place_on(["a", "b"], NOON)
    over.attempt_start(NOON)
    for name in ("a", "b"):
        over.accept_load(engine_run(execution_id=f"run-{name}", result_path=f"{name}.jtl"), 120, NOON, on=name)
    return over


def figures(files: Files, of: ExperimentRun | None = None, at: float = 60) -> RunFigures:
    clock = cast(Clock, SimpleNamespace(now=lambda: seconds_after_noon(at)))
    analyse = AnalyseRun(cast(LoadEngines, files), cast(RunArchive, files), read_jtl, clock, Limits())
    return analyse(of or ended())


def summary(found: RunFigures) -> Mapping[str, object]:
    assert found.results is not None
    return cast(Mapping[str, object], found.results["summary"])


def test_the_files_of_all_engines_count_as_one() -> None:
    files = Files({"a": FIRST, "b": SECOND})
    told = summary(figures(files))
    latency = cast(Mapping[str, object], told["latency"])
    assert (told["samples"], latency["p50"], latency["p95"], latency["p99"]) == (100, 50, 95, 99)
    assert files.opened == ["a:a.jtl", "b:b.jtl"]


def test_a_file_that_is_kept_is_not_asked_for() -> None:
    files = Files({"b": SECOND}, kept={1: FIRST})
    assert summary(figures(files))["samples"] == 100
    assert files.opened == ["b:b.jtl"]


def test_without_one_engines_file_the_figures_are_of_the_others_and_nothing_is_concluded() -> None:
    found = figures(Files({"a": FIRST, "b": None}))
    assert summary(found)["samples"] == 50
    assert found.verdict is not None
    assert found.verdict["status"] == "INCONCLUSIVE"
    assert "part on b" in str(found.verdict)


def test_without_any_file_there_are_no_figures() -> None:
    found = figures(Files({"a": None, "b": None}))
    assert found.results is None
    assert found.missing == "the engine has no result file of this run"


@pytest.mark.parametrize("lacking", [EngineUnavailable, EngineNotInPool])
def test_while_a_load_goes_on_the_figures_are_without_an_engine_that_cannot_be_asked(
    lacking: type[EngineUnavailable],
) -> None:
    found = figures(Files({"a": FIRST}, lacking=lacking), going_on(), at=10_000)
    assert (summary(found)["samples"], found.missing_parts) == (50, ("b",))
    assert (found.verdict, found.final) == (None, False)


def test_while_a_load_goes_on_an_engine_that_has_no_file_yet_is_an_answer() -> None:
    found = figures(Files({"a": None}), going_on())
    assert (found.results, found.verdict, found.missing_parts) == (None, None, ("a", "b"))


def test_while_a_load_goes_on_nothing_is_said_when_no_engine_can_be_asked() -> None:
    with pytest.raises(EngineUnavailable):
        figures(Files({}), going_on())


def test_of_an_ended_load_what_is_there_is_said_and_no_verdict_until_the_engine_is_taken_for_gone() -> None:
    soon, late = (figures(Files({"a": FIRST}), at=at) for at in (60, 700))
    assert (summary(soon)["samples"], soon.missing_parts, soon.verdict, soon.final) == (50, ("b",), None, False)
    assert (summary(late)["samples"], late.missing_parts, late.final) == (50, ("b",), True)
    assert late.verdict is not None
    assert late.verdict["status"] == "INCONCLUSIVE"
    assert cast(list[Any], late.verdict["reasons"])[0] == {
        "code": "PART_MISSING",
        "values": {"case": "SOME", "engines": ["b"], "missing": 1, "parts": 2},
        "message": "no result file of the load's part on b: the figures are those of the others",
    }


def test_an_engine_that_is_not_in_the_pool_is_gone_at_once() -> None:
    found = figures(Files({"a": FIRST}, lacking=EngineNotInPool))
    assert (found.missing_parts, found.final) == (("b",), True)


def test_without_any_engine_there_are_no_figures_and_a_verdict_when_they_are_taken_for_gone() -> None:
    soon, late = (figures(Files({}), at=at) for at in (60, 700))
    assert (soon.results, soon.verdict, soon.final) == (None, None, False)
    assert "a, b" in (soon.missing or "")
    assert (late.results, late.final) == (None, True)
    assert late.verdict is not None
    assert "PART_MISSING" in str(late.verdict["reasons"])


def test_an_ended_load_whose_end_is_not_confirmed_has_no_verdict_until_that_is_overdue() -> None:
    run = going_on()
    run.pass_deadline(seconds_after_noon(300))
    run.confirm_over("a", seconds_after_noon(310))
    files = Files({"a": FIRST, "b": SECOND})
    assert figures(files, run, at=311).verdict is None
    run.miss_confirmation(Limits(), seconds_after_noon(899))
    assert run.results_awaited
    run.miss_confirmation(Limits(), seconds_after_noon(901))
    told = figures(files, run, at=902)
    assert (told.final, summary(told)["samples"]) == (True, 100)
    assert told.verdict is not None
    [doubt] = [each for each in cast(list[Any], told.verdict["reasons"]) if each["code"] == "STOP_NOT_CONFIRMED"]
    assert doubt["values"] == {"engines": ["b"]}
    assert told.verdict["status"] == "INCONCLUSIVE"


def test_a_file_that_cannot_be_read_is_named() -> None:
    found = figures(Files({"a": FIRST, "b": '<?xml version="1.0"?><testResults/>\n'}))
    assert found.results is None
    assert "2" in (found.missing or "")


def test_set_up_and_tear_down_of_the_plan_that_was_sent_are_no_load() -> None:
    rows = [
        Sample(START, 900, label="login", thread="Prepare 1-1", success=False, code="500"),
        Sample(START + 1000, 5, thread="Users 1-1"),
        Sample(START + 1010, 7, thread="pool-1"),
        Sample(START + 2000, 800, label="delete", thread="Clean-up 1-1"),
    ]
    over = ended()
    assert over.plan is not None
    groups = (("Prepare", GroupKind.SETUP), ("Users", GroupKind.MAIN), ("Clean-up", GroupKind.TEARDOWN))
    over.know_thread_groups([ThreadGroup(name, kind) for name, kind in groups])
    found = figures(Files({"a": jtl(rows).decode(), "b": None}), over)
    told, results = summary(found), cast(dict[str, Any], found.results)
    assert (told["samples"], told["errors"]) == (2, 0)
    assert [label["label"] for label in results["labels"]] == ["home"]
    assert sum(phase["samples"] for phase in results["phases"]) == 2
    assert results["topErrors"]["kinds"] == []
    assert (results["setUp"]["samples"], results["setUp"]["errorRate"]) == (1, 1.0)
    assert (results["tearDown"]["samples"], results["tearDown"]["latency"]["max"]) == (1, 800)
    assert (results["untoldSamples"], results["groupsKnown"]) == (1, True)


def test_without_the_plans_groups_everything_is_load() -> None:
    found = figures(Files({"a": jtl([Sample(START, 5, thread="Prepare 1-1")]).decode(), "b": None}))
    results = cast(dict[str, Any], found.results)
    assert (summary(found)["samples"], results["setUp"], results["groupsKnown"]) == (1, None, False)
    assert results["untoldSamples"] == 0


def test_groups_that_are_known_are_not_replaced_by_what_an_engine_tells() -> None:
    over = ended()
    over.know_thread_groups([ThreadGroup("Users", GroupKind.MAIN)])
    over.know_thread_groups([ThreadGroup("Others", GroupKind.SETUP)])
    assert over.required_plan.thread_groups == (ThreadGroup("Users", GroupKind.MAIN),)
