"""python -m bench.open_windows: from the platform's event to the load, to the fault window, and to the load's end."""

import json
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx
from tandem.domain.ports import UnitOfWork

from bench.arguments import smoke_wanted, tell
from bench.open_windows.moments import RunMoments, samples_of
from bench.report import Bound, Report, number, spread
from local.demo.children import Child
from local.ports import choose
from local.settings import Settings
from local.stack import LocalStack
from tests.factories.experiments import definition, strategy
from tests.factories.platform import Experiment, Platform, until

RUNS = 20
LEAD_SECONDS = 2
THREADS = 2


class WindowBench:
    """One experiment after the other, each from its event to the last sample of its load."""

    def __init__(self, stack: LocalStack, platform: Platform, shop_url: str) -> None:
        self._stack = stack
        self._platform = platform
        self._shop_url = shop_url
        self._engine = httpx.Client(base_url=stack.engine_url or "", timeout=10)

    def run(self, runs: int) -> Report:
        report = Report(
            "Event to load: an experiment's start, window and stop (`bench.open_windows`)",
            f"The whole local stack with the real engine and a real JMeter; {runs} experiments one after another, each "
            f"with a lead time of {LEAD_SECONDS} s, {THREADS} threads on a shop on this machine, and a stop by "
            "StopLoadTestTask once the window is open. First and last sample as JMeter wrote them; JMeter's own start "
            "(from its process to its first sample) is the floor under the whole. Seconds, median (least to most).",
        )
        self._one()  # the first run makes connections and fills caches, as on any day that is not the first
        moments = [self._one() for _ in range(runs)]
        _tell(report, moments)
        return report

    def _one(self) -> RunMoments:
        experiment = self._plan()
        announced = time.time()
        experiment.starts()
        until(lambda: experiment.heard("FaultWindowOpen"), "FaultWindowOpen", 60)
        window_heard = time.time()
        stop_asked = time.time()
        answer = self._platform.post("StopLoadTestTask", taskId=experiment.task_id)
        answer.raise_for_status()
        run = experiment.settles(60)
        task = run.started_task
        if task.status != "STOPPED" or task.result_path is None or run.start_attempted_at is None:
            raise RuntimeError(f"the run of {experiment.experiment_task_id} ended {task.status}: {task.error_message}")
        samples = samples_of(self._stack.settings.state_directory / "engine" / task.result_path)
        return RunMoments(
            announced=announced,
            task_created=run.created_at.timestamp(),
            start_attempted=run.start_attempted_at.timestamp(),
            jmeter_started=self._jmeter_started(task.execution_id or ""),
            first_sample=samples.first,
            window_planned=samples.first + LEAD_SECONDS,
            window_heard=window_heard,
            stop_asked=stop_asked,
            last_sample=samples.last,
        )

    def _plan(self) -> Experiment:
        mark = uuid.uuid4().hex[:12]
        planned = definition(
            definition_id=f"ldef_{mark}", name=mark, endpoint=f"{self._shop_url}/catalogue", threads=THREADS
        )
        kept = strategy(
            strategy_id=f"lstrategy_{mark}",
            definition_id=planned.definition_id,
            experiment_id=f"exp-{mark}",
            start_before_fault_sec=LEAD_SECONDS,
            traffic_duration_sec=120,
        )

        def add(uow: UnitOfWork) -> None:
            uow.definitions.add(planned)
            uow.strategies.add(kept)

        self._platform.database.write(add)
        return Experiment(self._platform, f"exp-{mark}", f"et-{mark}")

    def _jmeter_started(self, execution_id: str) -> float:
        started = self._engine.get(f"/api/loadtest/events/{execution_id}", params={"tail": 100}).json()["data"]
        [moment] = [event["ts"] for event in map(_parsed, started) if event["type"] == "STARTED"]
        return float(moment) / 1000


def _parsed(line: str) -> dict[str, float | str]:
    event: dict[str, float | str] = json.loads(line)
    return event


def _tell(report: Report, moments: Sequence[RunMoments]) -> None:
    table = report.table("from", "to", "s")
    for begin, end, seconds in (
        ("the event", "the task", [each.task_created - each.announced for each in moments]),
        ("the task", "the start on the engine", [each.start_attempted - each.task_created for each in moments]),
        (
            "the start on the engine",
            "JMeter's process",
            [each.jmeter_started - each.start_attempted for each in moments],
        ),
        ("JMeter's process (floor)", "the first sample", [each.jmeters_start for each in moments]),
        ("the event", "the first sample", [each.first_sample - each.announced for each in moments]),
        ("the planned window", "FaultWindowOpen, heard", [each.window_late for each in moments]),
        ("StopLoadTestTask", "the last sample", [each.stop_took for each in moments]),
    ):
        table.add(begin, end, spread(seconds))
    report.claim("our own share of the way to the load, median", median(each.our_share for each in moments),
                 Bound.AT_MOST, 1.5, "s")  # fmt: skip
    worst = max(abs(each.window_late) for each in moments)
    report.claim("window beside its planned moment, worst run", worst, Bound.AT_MOST, 1, "s")
    report.claim("stop to last sample, worst run", max(each.stop_took for each in moments), Bound.AT_MOST, 4, "s")
    whole = median(each.first_sample - each.announced for each in moments)
    floor = median(each.jmeters_start for each in moments)
    report.notes.append(f"From event to first sample: {number(whole / floor)} times JMeter's own start.")


@contextmanager
def shop(directory: Path) -> Iterator[str]:
    """The demo's shop in a process of its own."""
    port = choose(0, "the shop")
    url = f"http://127.0.0.1:{port}"
    process = Child("the shop", ["local.demo.shop", str(port)], directory / "shop.log")
    try:
        with httpx.Client() as client:
            process.wait_until_healthy(client, f"{url}/health", 30)
        yield url
    finally:
        process.stop(5)


def measure(runs: int) -> Report:
    """Run the bench on a stack of its own."""
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as name:
        directory = Path(name)
        settings = Settings(api_port=0, aws_port=0, engine_port=0, state_directory=directory / "state")
        with shop(directory) as shop_url, LocalStack(settings) as stack:
            platform = Platform(stack)
            try:
                return WindowBench(stack, platform, shop_url).run(runs)
            finally:
                platform.close()


if __name__ == "__main__":
    runs = 1 if smoke_wanted(__doc__) else RUNS
    tell(lambda: measure(runs))
