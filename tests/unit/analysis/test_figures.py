"""Summary, phases and series against an independent computation that keeps and sorts every sample."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.adapters.jtl.reader import read_jtl
from tandem.domain.analysis import Analysis, analyse
from tandem.domain.analysis_document import results_document, timeseries_document
from tandem.domain.errors import InvalidValue
from tandem.domain.samples import EPOCH, AnalysisPlan
from tandem.domain.summary import percentiles

from tests.factories.jtl import Sample, jtl

START = 1_755_591_301_000


def at(ms: float) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


def analysed(rows: list[Sample], plan: AnalysisPlan | None = None) -> Analysis:
    return analyse(read_jtl, [[jtl(rows)]], plan or AnalysisPlan())


def nearest_rank(latencies: list[int], percent: int) -> int:
    return sorted(latencies)[math.ceil(len(latencies) * percent / 100) - 1]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=300), st.integers(1, 100))
def test_a_percentile_is_the_smallest_value_that_enough_samples_do_not_exceed(values: list[int], percent: int) -> None:
    distinct = sorted(set(values))
    found = percentiles(distinct, [values.count(value) for value in distinct], [percent])[0]
    assert found == next(v for v in distinct if sum(w <= v for w in values) * 100 >= percent * len(values))


@given(
    st.lists(
        st.builds(
            Sample,
            start=st.integers(START, START + 9_000),
            elapsed=st.integers(0, 900),
            success=st.booleans(),
            label=st.sampled_from("ab"),
        ),
        min_size=1,
        max_size=60,
    ),
    st.integers(0, 4),
    st.integers(START - 1_000, START + 11_000),
    st.integers(0, 5_000),
)
def test_phases_split_the_run_at_the_moments_at_which_samples_ended(
    rows: list[Sample], ramp_up_sec: int, fault_start: int, fault_length: int
) -> None:
    found = analysed(rows, AnalysisPlan(at(fault_start), at(fault_start + fault_length), ramp_up_sec))
    first, last = min(row.start for row in rows), max(row.end for row in rows)
    fault_end = fault_start + fault_length
    warm = min(first + ramp_up_sec * 1000, fault_start)
    expected = {
        "WARMUP": (first, warm),
        "BASELINE": (max(first, warm), fault_start),
        "FAULT": (fault_start, fault_end),
        "RECOVERY": (fault_end, last + 1),
    }
    expected = {name: (max(a, first), min(b, last + 1)) for name, (a, b) in expected.items()}
    expected = {name: bounds for name, bounds in expected.items() if bounds[0] < bounds[1]}

    assert {phase.bounds.name.value: (phase.bounds.start, phase.bounds.end) for phase in found.phases} == expected
    assert sum(phase.summary.samples for phase in found.phases) == len(rows)
    for phase in found.phases:
        members = [row for row in rows if phase.bounds.start <= row.end < phase.bounds.end]
        assert phase.summary.samples == len(members)
        assert phase.summary.errors == sum(not row.success for row in members)
        assert phase.summary.requests_per_sec == pytest.approx(
            len(members) / ((phase.bounds.end - phase.bounds.start) / 1000)
        )
        if members:
            assert phase.summary.latency.p95 == nearest_rank([row.elapsed for row in members], 95)


def test_a_sample_that_ends_as_the_fault_starts_belongs_to_the_fault() -> None:
    rows = [Sample(START, 999), Sample(START, 1000), Sample(START, 1999), Sample(START, 2000)]
    found = analysed(rows, AnalysisPlan(at(START + 999.5), at(START + 1999.5)))
    assert [(p.bounds.name.value, p.summary.samples) for p in found.phases] == [
        ("BASELINE", 1),
        ("FAULT", 2),
        ("RECOVERY", 1),
    ]


@pytest.mark.parametrize("small_bytes", [0, 10**9])
def test_the_last_whole_seconds_before_the_fault_are_counted_by_themselves(
    small_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tandem.adapters.jtl.reader.SMALL_BYTES", small_bytes)
    fault = EPOCH + timedelta(milliseconds=60_400)
    ends = (54_999, 55_000, 59_999, 60_000, 60_399, 60_400)
    rows = [Sample(end - 10, 10, success=end != 55_000) for end in ends]
    counted = analyse(read_jtl, [[jtl(rows)]], AnalysisPlan(fault)).counted
    last = counted.before_fault
    assert (last.samples, last.errors, list(last.elapsed), list(last.counts)) == (2, 1, [10], [2])
    assert analyse(read_jtl, [[jtl(rows)]], AnalysisPlan()).counted.before_fault.samples == 0


def test_a_fault_during_the_ramp_up_ends_the_warm_up_and_leaves_no_baseline() -> None:
    rows = [Sample(START + i * 100, 5) for i in range(100)]
    found = analysed(rows, AnalysisPlan(at(START + 3_000), at(START + 5_000), ramp_up_sec=8))
    assert [p.bounds.name.value for p in found.phases] == ["WARMUP", "FAULT", "RECOVERY"]
    assert all(phase.change is None for phase in found.phases)


def test_change_is_against_the_baseline() -> None:
    rows = [Sample(START + i * 100, 10) for i in range(100)]
    rows += [Sample(START + 10_000 + i * 200, 30, success=i % 5 > 0) for i in range(50)]
    found = analysed(rows, AnalysisPlan(at(START + 10_010)))
    baseline, fault = found.phases
    assert baseline.change is None
    assert fault.change is not None
    assert fault.change.p95 == 3
    assert fault.change.error_rate == pytest.approx(0.2)
    assert fault.change.requests_per_sec == pytest.approx(0.5, abs=0.02)


@given(
    st.lists(st.builds(Sample, start=st.integers(START, START + 20_000), elapsed=st.integers(0, 3_000)), min_size=1),
    st.integers(200, 5_000),
)
def test_a_bucket_holds_what_ended_in_it(rows: list[Sample], width: int) -> None:
    series = analysed(rows, AnalysisPlan(bucket_ms=width)).series
    assert series.bucket_ms == width
    stamps = [stamp for stamp, _ in series.throughput]
    first, last = min(row.end for row in rows), max(row.end for row in rows)
    assert stamps == list(range(first // width * width, last + 1, width))
    for index, stamp in enumerate(stamps):
        members = [row for row in rows if stamp <= row.end < stamp + width]
        assert series.throughput[index][1] == pytest.approx(len(members) * 1000 / width)
        assert series.throughput_sent[index][1] == pytest.approx(sum(row.sent for row in members) * 1000 / width)
        if members:
            latencies = [row.elapsed for row in members]
            assert series.avg_latency[index][1] == pytest.approx(sum(latencies) / len(latencies))
            assert series.min_latency[index][1] == min(latencies)
            assert series.max_latency[index][1] == max(latencies)
            assert series.p90[index][1] == nearest_rank(latencies, 90)
            assert series.p99[index][1] == nearest_rank(latencies, 99)
            assert series.active_threads[index][1] == 5
            assert series.success_rate[index][1] == 100
        else:
            assert series.avg_latency[index][1] is None
            assert series.success_rate[index][1] is None


@pytest.mark.parametrize(
    ("seconds", "width"), [(10, 1_000), (299, 1_000), (500, 2_000), (3_600, 20_000), (86_400, 600_000)]
)
def test_the_chosen_width_is_round_and_makes_at_most_300_buckets(seconds: int, width: int) -> None:
    series = analysed([Sample(START, 5), Sample(START + seconds * 1000, 5)]).series
    assert series.bucket_ms == width
    assert len(series.throughput) <= 300


def test_a_wished_width_is_doubled_until_the_series_is_of_bearable_length() -> None:
    series = analysed([Sample(START, 5), Sample(START + 60_000, 5)], AnalysisPlan(bucket_ms=10)).series
    assert (series.bucket_ms, len(series.throughput)) == (40, 1501)


def test_a_stray_stamp_cannot_make_an_endless_series() -> None:
    series = analysed([Sample(0, 5), Sample(START, 5)]).series
    assert len(series.throughput) <= 300


def test_a_run_without_samples_has_figures_of_nothing() -> None:
    found = analysed([])
    assert (found.summary.samples, found.summary.error_rate, found.summary.latency.p95) == (0, None, None)
    assert found.phases == ()
    assert found.series.throughput == []


def test_top_errors_are_the_commonest_and_the_rest_is_counted() -> None:
    rows = [Sample(START, 5, success=False, code="500", message=f"m{i % 25 if i < 50 else 0}") for i in range(60)]
    top = analysed(rows).top_errors
    assert (top.kinds[0].kind.message, top.kinds[0].count) == ("m0", 12)
    assert (len(top.kinds), top.others, top.all_kinds_seen) == (20, 10, True)


def test_the_documents_have_the_shapes_of_the_api() -> None:
    rows = [Sample(START + i * 100, 10 + i % 7) for i in range(200)]
    found = analysed(rows, AnalysisPlan(at(START + 10_000), at(START + 15_000), ramp_up_sec=2))
    results: dict[str, Any] = json.loads(json.dumps(results_document(found)))
    assert set(results["summary"]) == {
        "samples", "errors", "errorRate", "requestsPerSec", "latency", "receivedBytes", "sentBytes", "start", "end",
        "skippedLines",
    }  # fmt: skip
    assert set(results["summary"]["latency"]) == {"mean", "min", "max", "p50", "p90", "p95", "p99"}
    assert results["summary"]["start"] == "2025-08-19T08:15:01.000+00:00"
    assert [phase["name"] for phase in results["phases"]] == ["WARMUP", "BASELINE", "FAULT", "RECOVERY"]
    assert ["change" in phase for phase in results["phases"]] == [False, False, True, True]
    assert set(results["phases"][2]["change"]) == {"p95", "errorRate", "requestsPerSec"}
    assert set(results["phases"][2]["corrected"]) == {"p95", "p99", "method"}
    series = json.loads(json.dumps(timeseries_document(found)))
    assert set(series) == {
        "bucketSizeMs", "avgLatency", "minLatency", "maxLatency", "p90", "p95", "p99", "successRate",
        "throughputReceived", "throughputSent", "throughput", "activeThreads", "phases",
    }  # fmt: skip
    assert series["throughput"][0] == [START, 10.0]


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: AnalysisPlan(fault_start=datetime(2026, 1, 1)), "faultStart"),  # noqa: DTZ001 - refused for that
        (lambda: AnalysisPlan(fault_end=datetime(2026, 1, 1, tzinfo=UTC)), "faultEnd"),
        (lambda: AnalysisPlan(at(2000), at(1000)), "faultEnd"),
        (lambda: AnalysisPlan(ramp_up_sec=-1), "rampUp"),
        (lambda: AnalysisPlan(bucket_ms=0), "bucketMs"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_by_the_fields_name(make: Any, field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        make()
    assert [fault.field for fault in refused.value.details] == [field]
