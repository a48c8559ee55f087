"""An analysis as the JSON that GetLoadTestResults and GetLoadTestTimeseries answer."""

from typing import TypeAlias

from tandem.domain.analysis import Analysis, TopErrors
from tandem.domain.comparison import Comparison
from tandem.domain.fault_window import FaultWindow
from tandem.domain.phases import Phase, PhaseBounds
from tandem.domain.samples import moment
from tandem.domain.summary import Summary
from tandem.domain.verdict import Basis, Verdict
from tandem.domain.verdict_reasons import Reason

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def summary_document(summary: Summary) -> dict[str, Json]:
    """A group's figures; times are ISO 8601 with ``+00:00`` and ms."""
    figures = summary.latency
    return {
        "samples": summary.samples,
        "errors": summary.errors,
        "errorRate": summary.error_rate,
        "requestsPerSec": summary.requests_per_sec,
        "latency": {
            "mean": figures.mean,
            "min": figures.min,
            "max": figures.max,
            "p50": figures.p50,
            "p90": figures.p90,
            "p95": figures.p95,
            "p99": figures.p99,
        },
        "receivedBytes": summary.received_bytes,
        "sentBytes": summary.sent_bytes,
        "start": None if summary.start is None else summary.start.isoformat(timespec="milliseconds"),
        "end": None if summary.end is None else summary.end.isoformat(timespec="milliseconds"),
        "skippedLines": summary.skipped_lines,
    }


def phase_document(phase: Phase) -> dict[str, Json]:
    """A phase and its figures; ``change`` and ``corrected`` are left out where there is none."""
    document: dict[str, Json] = {"name": phase.bounds.name.value, **summary_document(phase.summary)}
    if phase.change is not None:
        document["change"] = {
            "p95": phase.change.p95,
            "errorRate": phase.change.error_rate,
            "requestsPerSec": phase.change.requests_per_sec,
        }
    if phase.corrected is not None:
        document["corrected"] = {
            "p95": phase.corrected.p95,
            "p99": phase.corrected.p99,
            "method": phase.corrected.method,
        }
    return document


def results_document(analysis: Analysis) -> dict[str, Json]:
    """``summary``, ``labels``, ``otherLabels``, ``phases``, ``topErrors`` and what is no load of GetLoadTestResults."""
    return {
        "summary": summary_document(analysis.summary),
        "labels": [
            {
                "label": key.label,
                "transaction": key.transaction,
                "subResult": key.sub_result,
                **summary_document(summary),
            }
            for key, summary in analysis.labels
        ],
        "otherLabels": analysis.counted.other_labels,
        "phases": [phase_document(phase) for phase in analysis.phases],
        "topErrors": _top_errors_document(analysis.top_errors),
        "setUp": None if analysis.set_up is None else summary_document(analysis.set_up),
        "tearDown": None if analysis.tear_down is None else summary_document(analysis.tear_down),
        "untoldSamples": analysis.counted.untold,
        "groupsKnown": analysis.counted.groups_known,
    }


def verdict_document(verdict: Verdict) -> dict[str, Json]:
    """``verdict`` of GetLoadTestResults."""
    felt = verdict.recovery
    return {
        "status": verdict.status.value,
        "reasons": [_reason_document(reason) for reason in verdict.reasons],
        "timeToDetectSec": None if felt is None else felt.time_to_detect_sec,
        "timeToRecoverSec": None if felt is None else felt.time_to_recover_sec,
        "recovered": None if felt is None else felt.recovered,
        "failedRequests": verdict.failed_requests,
        "throughputDeficit": verdict.throughput_deficit,
        "advice": [{"code": advice.code.value, "message": advice.message} for advice in verdict.advice],
        "basis": None if verdict.basis is None else _basis_document(verdict.basis),
    }


def _reason_document(reason: Reason) -> dict[str, Json]:
    values: dict[str, Json] = {
        name: list(value) if isinstance(value, tuple) else value for name, value in reason.values.items()
    }
    return {"code": reason.code.value, "values": values, "message": reason.message}


def _basis_document(basis: Basis) -> dict[str, Json]:
    return {
        "samples": {name.value: count for name, count in basis.samples.items()},
        "baselineErrorRate": basis.baseline_error_rate,
        "windowToldBy": {
            "start": None if basis.start_from is None else basis.start_from.value,
            "end": None if basis.end_from is None else basis.end_from.value,
        },
    }


def comparison_document(comparison: Comparison) -> dict[str, Json]:
    """``comparison`` of GetLoadTestResults."""
    return {
        "outcome": comparison.outcome.value,
        "runs": comparison.runs,
        "otherDefinitions": comparison.other_definitions,
        "figures": [
            {
                "figure": each.figure.value,
                "outcome": each.outcome.value,
                "value": each.value,
                "runs": each.runs,
                "usual": each.usual,
                "margin": each.margin,
            }
            for each in comparison.figures
        ],
    }


def window_document(window: FaultWindow) -> dict[str, Json]:
    """``faultWindow`` of GetLoadTestResults: the bounds, and from what each is known."""
    return {
        "start": None if window.start is None else window.start.isoformat(timespec="milliseconds"),
        "end": None if window.end is None else window.end.isoformat(timespec="milliseconds"),
        "startFrom": None if window.start_from is None else window.start_from.value,
        "endFrom": None if window.end_from is None else window.end_from.value,
    }


def timeseries_document(analysis: Analysis) -> dict[str, Json]:
    """The result of GetLoadTestTimeseries."""
    series = analysis.series
    named = {
        "avgLatency": series.avg_latency,
        "minLatency": series.min_latency,
        "maxLatency": series.max_latency,
        "p90": series.p90,
        "p95": series.p95,
        "p99": series.p99,
        "successRate": series.success_rate,
        "throughputReceived": series.throughput_received,
        "throughputSent": series.throughput_sent,
        "throughput": series.throughput,
        "activeThreads": series.active_threads,
    }
    return {
        "bucketSizeMs": series.bucket_ms,
        **{name: [[stamp, value] for stamp, value in points] for name, points in named.items()},
        "phases": [_bounds_document(phase.bounds) for phase in analysis.phases],
    }


def _bounds_document(bounds: PhaseBounds) -> dict[str, Json]:
    return {
        "name": bounds.name.value,
        "start": moment(bounds.start).isoformat(timespec="milliseconds"),
        "end": moment(bounds.end).isoformat(timespec="milliseconds"),
    }


def _top_errors_document(errors: TopErrors) -> dict[str, Json]:
    return {
        "kinds": [{"code": item.kind.code, "message": item.kind.message, "count": item.count} for item in errors.kinds],
        "others": errors.others,
        "allKindsSeen": errors.all_kinds_seen,
    }
