"""Reports of runs that never were: the real analysis over made-up samples, in the shape that the page takes."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tandem.adapters.jtl.reader import read_jtl
from tandem.domain.analysis import analyse
from tandem.domain.analysis_document import (
    comparison_document,
    results_document,
    timeseries_document,
    verdict_document,
    window_document,
)
from tandem.domain.comparison import ComparedFigure, compare, compared_figures
from tandem.domain.fault_window import FaultWindow, ToldWindow, WindowSource, choose_window
from tandem.domain.samples import AnalysisPlan
from tandem.domain.strategy import Slo
from tandem.domain.timestamps import iso_utc
from tandem.domain.verdict import judge
from tandem.domain.verdict_doubts import LoadFacts

from tests.factories.jtl import Sample, jtl

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_THREADS = 12
STRICT = Slo(max_p95_ms=300, max_error_rate=0.05, max_recovery_sec=20, min_throughput_ratio=0.5)


def shop_run(
    fault: tuple[int, int] | None = (60, 105),
    length: int = 180,
    slow_ms: int = 380,
    error_share: float = 0.18,
    seed: int = 7,
) -> Iterator[Sample]:
    """Twelve users of a shop in turn; during the fault answers are slower and some fail, and recovery takes 9 s."""
    chance = random.Random(seed)
    pages = [("GET /", 12), ("GET /products", 28), ("POST /cart", 35), ("POST /checkout", 60)]
    for thread in range(_THREADS):
        at = thread * 400.0
        while at < length * 1000:
            label, usual = pages[chance.choices(range(4), [4, 3, 2, 1])[0]]
            elapsed = usual * chance.lognormvariate(0, 0.28)
            felt = 0.0
            if fault is not None and fault[0] * 1000 <= at:
                since_end = at - fault[1] * 1000
                felt = 1.0 if since_end < 0 else max(0.0, 1 - since_end / 9000)
            elapsed += felt * slow_ms * chance.uniform(0.6, 1.5)
            fails = chance.random() < felt * error_share + 0.001
            yield Sample(
                start=int(START.timestamp() * 1000 + at),
                elapsed=int(elapsed),
                label=label,
                code="503" if fails else "200",
                message="Service Unavailable" if fails else "OK",
                success=not fails,
                received=chance.randint(400, 9000),
                threads=min(_THREADS, 1 + int(at / 400)),
            )
            at += elapsed + chance.uniform(90, 160)


def report(
    samples: Iterator[Sample] | None = None,
    fault: tuple[int, int] | None = (60, 105),
    slo: Slo | None = STRICT,
    proven: bool = True,
) -> dict[str, Any]:
    """The report of an ended run with these samples."""
    window = (None, None) if fault is None else tuple(START + timedelta(seconds=edge) for edge in fault)
    plan = AnalysisPlan(window[0], window[1], ramp_up_sec=5)
    taken = sorted(samples or shop_run(fault), key=lambda sample: sample.end)
    analysis = analyse(read_jtl, [[jtl(taken)]], plan)
    verdict = judge(analysis, plan, slo, LoadFacts(proven, WindowSource.TOLD, WindowSource.TOLD))
    document = unanalysed_report("STOPPED")
    document["windowOpenedAt"] = None if window[0] is None else iso_utc(window[0])
    document["experimentEndedAt"] = None if window[1] is None else iso_utc(window[1])
    told = ToldWindow(*window)
    document["results"] |= {
        **results_document(analysis),
        "verdict": verdict_document(verdict),
        "faultWindow": window_document(choose_window(told, None, window[0], window[1])),
    }
    now = compared_figures(document["results"], document["results"]["verdict"])
    if now:
        earlier = [
            {
                ComparedFigure.P95_RATIO: ratio,
                ComparedFigure.ERROR_RATE_RISE: 0.18,
                ComparedFigure.THROUGHPUT_RATIO: 0.28,
            }
            for ratio in (4.1, 4.4, 3.9, 4.2)
        ]
        document["results"]["comparison"] = comparison_document(compare(now, earlier, other_definitions=2))
    document["timeseries"] = timeseries_document(analysis)
    document["strategy"]["slo"] = slo and {
        "maxP95Ms": slo.max_p95_ms,
        "maxErrorRate": slo.max_error_rate,
        "maxRecoverySec": slo.max_recovery_sec,
        "minThroughputRatio": slo.min_throughput_ratio,
    }
    document["missing"] = None
    return document


def unanalysed_report(status: str, missing: str | None = "the run has left no result file") -> dict[str, Any]:
    """The report of a task of which nothing is known but its row."""
    ended = status not in {"PENDING", "RUNNING"}
    started = status != "PENDING"
    return {
        "generatedAt": iso_utc(START + timedelta(seconds=200)),
        "experimentId": "exp-checkout-latency",
        "windowOpenedAt": None,
        "experimentEndedAt": None,
        "missing": missing,
        "definition": {
            "name": "checkout",
            "endpoint": "http://shop.test:9000",
            "threads": _THREADS,
            "rampUp": 5,
        },
        "strategy": {"startBeforeFaultSec": 60, "trafficDurationSec": 600, "slo": None},
        "task": {
            "taskId": "ldtask_0f8c2a",
            "strategyId": "lstrategy_77aa",
            "experimentTaskId": "et-20260102-1",
            "executionId": "5d1c8f0e" if started else None,
            "status": status,
            "startTime": iso_utc(START) if started else None,
            "endTime": iso_utc(START + timedelta(seconds=181)) if ended else None,
            "errorMessage": None,
            "resultPath": "results/20260102_030405_5d1c8f0e/results.jtl" if started else None,
            "reportPath": None,
            "logPath": None,
            "parts": None,
        },
        "results": {
            "resultUrl": "http://127.0.0.1:8008/results/20260102_030405_5d1c8f0e/results.jtl" if started else None,
            "reportUrl": None,
            "resultPath": "results/20260102_030405_5d1c8f0e/results.jtl" if started else None,
            "reportPath": None,
            "logPath": None,
            "endpoint": "http://shop.test:9000",
            "faultWindow": window_document(FaultWindow()),
            "summary": None,
            "labels": None,
            "otherLabels": None,
            "phases": None,
            "topErrors": None,
            "verdict": None,
            "comparison": None,
            "archive": None,
            "parts": None,
        },
        "timeseries": None,
        "events": {"events": events(ended)},
    }


def events(ended: bool = True) -> list[str]:
    lines = [
        (-2, "TASK_PENDING", "created for the experiment"),
        (0, "STARTED", "JMeter runs"),
        (1, "TASK_RUNNING", "the engine runs the load"),
        (3, "TASK_NOTE", "load proven: 36 requests, 12.0/s, 0 errors"),
        (60, "TASK_NOTE", "fault window opened"),
    ]
    if ended:
        lines += [(105, "TASK_NOTE", "stop requested: EXPERIMENT_ENDED"), (181, "TASK_STOPPED", "the experiment ended")]
    stamps = [(int((START.timestamp() + at) * 1000), kind, message) for at, kind, message in lines]
    return [f'{{"ts": {stamp}, "type": "{kind}", "message": "{message}"}}' for stamp, kind, message in stamps]
