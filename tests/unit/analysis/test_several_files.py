"""Several result files, one from each engine, are counted as one stream."""

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem.adapters.jtl import array_counter, kinds, reader, row_counter
from tandem.adapters.jtl.column_reading import ColumnReading
from tandem.adapters.jtl.reader import read_jtl, read_with
from tandem.adapters.jtl.row_reading import RowReading
from tandem.domain.analysis import analyse
from tandem.domain.errors import UnreadableResults
from tandem.domain.samples import EPOCH, AnalysisPlan, CountedSamples, ErrorKind, LabelKey, PhaseName

from tests.factories.counted_samples import plain
from tests.factories.jtl import DEFAULT_HEADER, Sample, jtl

START = 1_755_591_301_000
PLAN = AnalysisPlan(
    fault_start=EPOCH + timedelta(milliseconds=START + 20_000),
    fault_end=EPOCH + timedelta(milliseconds=START + 40_000),
    ramp_up_sec=5,
)
TRANSACTION = "Number of samples in transaction : 2, failing samples : 0"

samples = st.builds(
    Sample,
    start=st.integers(START, START + 60_000),
    elapsed=st.integers(0, 3000),
    label=st.sampled_from(["home", "cart, full", "two\nlines"]),
    code=st.sampled_from(["200", "503"]),
    message=st.sampled_from(["OK", "Busy, later", TRANSACTION]),
    success=st.booleans(),
    received=st.integers(0, 10**6),
    threads=st.integers(0, 99),
)
dealt_samples = st.lists(st.tuples(st.integers(0, 3), samples), max_size=80)


@st.composite
def dealt_files(draw: st.DrawFn) -> tuple[list[list[Sample]], list[bytes]]:
    """Samples dealt to four files, each with columns in an order of its own; some without a sample, or a header."""
    dealt = draw(dealt_samples)
    parts = [[sample for number, sample in dealt if number == file] for file in range(4)]
    files = []
    for part in parts:
        columns = draw(st.one_of(st.none(), st.permutations(DEFAULT_HEADER)))
        delimiter = draw(st.sampled_from([",", ";"]))
        if columns is None:
            files.append(jtl(part, header=False))
        else:
            files.append(jtl(part, columns=columns, delimiter=delimiter))
    return parts, files


def both(files: Sequence[bytes], plan: AnalysisPlan = PLAN) -> CountedSamples:
    """The counted samples, when both ways of reading agree on them."""
    by_rows, by_columns = (read_with(way, [[file] for file in files], plan) for way in (RowReading, ColumnReading))
    assert plain(by_rows) == plain(by_columns)
    return by_rows


def without_threads(counted: CountedSamples) -> dict[str, Any]:
    """What does not depend on which file a sample is in."""

    def shown(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shown(member) for key, member in value.items() if key not in ("max_threads", "last_ends")}
        return value

    found: dict[str, Any] = shown(plain(counted))
    return found


@settings(max_examples=150, deadline=None)
@given(dealt_files(), st.sampled_from([120, 1000, 1 << 20]), st.sampled_from([0, 5, 40]))
def test_samples_dealt_to_several_files_are_counted_as_if_they_were_in_one(
    dealt: tuple[list[list[Sample]], list[bytes]], piece_bytes: int, ramp_up_sec: int
) -> None:
    parts, files = dealt
    plan = AnalysisPlan(PLAN.fault_start, PLAN.fault_end, ramp_up_sec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "PIECE_BYTES", piece_bytes)
        assert without_threads(both(files, plan)) == without_threads(both([jtl(chain(*parts))], plan))


@settings(max_examples=150, deadline=None)
@given(dealt_files())
def test_figures_are_those_of_all_samples_kept_and_sorted(dealt: tuple[list[list[Sample]], list[bytes]]) -> None:
    parts, files = dealt
    counted = both(files)
    requests = [[sample for sample in part if sample.message != TRANSACTION] for part in parts]
    together = list(chain(*requests))
    summary = analyse(lambda _files, _plan: counted, (), PLAN).summary

    assert counted.overall.samples == len(together)
    assert counted.overall.errors == sum(not sample.success for sample in together)
    assert counted.skipped == 0
    assert list(counted.last_ends) == [max(each.end for each in part) for part in requests if part]
    if not together:
        assert summary.latency.p95 is None
        return
    latencies = sorted(sample.elapsed for sample in together)
    for percent, found in ((50, summary.latency.p50), (95, summary.latency.p95), (99, summary.latency.p99)):
        assert found == latencies[math.ceil(len(latencies) * percent / 100) - 1]
    assert counted.overall.first_start == min(sample.start for sample in together)
    assert counted.overall.last_end == max(sample.end for sample in together)
    assert counted.overall.max_threads == sum(max(each.threads for each in part) for part in requests if part)
    for key, group in counted.labels.items():
        members = [
            [each for each in part if (each.label, each.message == TRANSACTION) == (key.label, key.transaction)]
            for part in parts
        ]
        assert list(group.elapsed) == sorted({each.elapsed for part in members for each in part})
        assert group.max_threads == sum(max(each.threads for each in part) for part in members if part)
    for index, group in counted.buckets.items():
        inside = [[each for each in part if each.end // counted.bucket_ms == index] for part in requests]
        assert group.max_threads == sum(max(each.threads for each in part) for part in inside if part)


def test_no_file_is_a_run_without_samples() -> None:
    counted = both([])
    assert plain(counted) == plain(both([b""])) == plain(both([b"", jtl([])]))
    assert (counted.overall.samples, counted.overall.errors, counted.last_ends) == (0, 0, ())


def test_each_file_may_end_with_a_record_that_was_cut() -> None:
    cut = [jtl([Sample(START, 5), Sample(START, 6)])[:-9], b"", jtl([Sample(START, 7), Sample(START, 8)])[:-5]]
    counted = both(cut)
    assert (counted.overall.elapsed, counted.skipped) == ([5, 7], 2)


@pytest.mark.parametrize("order", [1, -1])
def test_a_figure_for_which_one_file_has_no_column_is_unknown_for_the_whole(order: int) -> None:
    failed = Sample(START, 5, code="500", message="boom", success=False)
    files = [jtl([failed] * 3), jtl([failed], columns=["label", "elapsed", "timeStamp"])][::order]
    counted = both(files)
    groups = [counted.overall, *counted.labels.values(), *counted.buckets.values(), *counted.phases.values()]
    for group in groups:
        assert (group.errors, group.received_bytes, group.sent_bytes, group.max_threads) == (None,) * 4
    assert counted.overall.samples == counted.labels[LabelKey("home", False)].samples == 4
    assert (counted.errors, counted.other_errors) == ({}, 0)


def test_without_labels_in_one_file_the_labels_of_the_others_are_not_told_as_if_they_were_all() -> None:
    counted = both([jtl([Sample(START, 5)]), jtl([Sample(START, 5)], columns=["timeStamp", "elapsed", "success"])])
    assert (counted.labels, counted.other_labels, counted.overall.errors) == ({}, 0, 0)


def test_a_file_without_samples_makes_no_figure_unknown() -> None:
    assert both([jtl([], columns=["timeStamp", "elapsed"]), jtl([Sample(START, 5)])]).overall.errors == 0


def test_errors_of_files_with_other_columns_are_told_apart() -> None:
    """The same bytes in other columns mean something else, also to what remembers texts."""
    first = jtl([Sample(START, 5, code="500", message="OK", success=False)] * 3)
    columns = ["timeStamp", "elapsed", "responseMessage", "success"]
    second = jtl([Sample(START, 5, message="500", success=False)] * 3, columns=columns)
    assert both([first, second]).errors == {ErrorKind("500", "OK"): 3, ErrorKind("", "500"): 3}


def test_bounds_on_labels_and_errors_hold_for_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (kinds, row_counter):
        monkeypatch.setattr(module, "MAX_LABELS", 5)
        monkeypatch.setattr(module, "MAX_DISTINCT_ERRORS", 3)
    rows = [Sample(START + i, 5, label=f"l{i % 9}", message=f"m{i % 7}", code="500", success=False) for i in range(99)]
    counted = both([jtl(rows[:3]), jtl(rows[3:50]), jtl(rows[50:])])
    assert (len(counted.labels), counted.other_labels) == (5, 44)
    assert (len(counted.errors), counted.other_errors) == (3, 56)


@pytest.mark.parametrize("large", [[0], [1], [2], [0, 2], [0, 1, 2]])
def test_small_and_large_files_together_give_what_they_give_apart(
    large: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [
        [
            Sample(START + file * 300 + i * 50, i % 90, threads=i % (file + 3))
            for i in range(400 if file in large else 4)
        ]
        for file in range(3)
    ]
    files = [jtl(part, columns=DEFAULT_HEADER[:: 1 - 2 * (file % 2)]) for file, part in enumerate(parts)]
    expected = plain(both(files))
    monkeypatch.setattr(reader, "SMALL_BYTES", 2000)
    monkeypatch.setattr(reader, "PIECE_BYTES", 700)
    assert plain(read_jtl([[file[:100], file[100:]] for file in files], PLAN)) == expected


@pytest.mark.parametrize("small_bytes", [10, 1 << 20])
def test_a_file_is_opened_when_the_one_before_it_has_been_read(
    small_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "SMALL_BYTES", small_bytes)
    seen: list[str] = []

    def opened(number: int) -> Iterator[bytes]:
        seen.append(f"open {number}")
        yield jtl([Sample(START, 5)])
        seen.append(f"end {number}")

    def files() -> Iterator[Iterable[bytes]]:
        for number in range(3):
            yield opened(number)

    assert read_jtl(files(), PLAN).overall.samples == 3
    assert seen == [f"{what} {number}" for number in range(3) for what in ("open", "end")]


@pytest.mark.parametrize("way", [RowReading, ColumnReading])
def test_an_unreadable_file_makes_the_whole_unreadable_and_is_named(way: Any) -> None:
    good, bad = jtl([Sample(START, 5)]), b"<testResults>\n"
    for files, number in (([good, good, bad], 3), ([good, bad, good], 2), ([bad, good], 1)):
        with pytest.raises(UnreadableResults, match=rf"^Result file {number} of this run cannot be read: .*XML"):
            read_with(way, [[file] for file in files], PLAN)
    with pytest.raises(UnreadableResults, match=r"^The result file is XML"):
        read_with(way, [[bad]], PLAN)


def begun(at: int, count: int = 1000) -> list[Sample]:
    return [Sample(at + i * 20, 30) for i in range(count)]


@pytest.mark.parametrize("kept", [40, 1 << 17])
def test_the_warm_up_counts_from_the_first_start_of_all_files(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second engine was 300 ms earlier: within what 20 kept samples span, 20 ms apart."""
    monkeypatch.setattr(array_counter, "_MAX_UNDECIDED", kept)
    monkeypatch.setattr(reader, "PIECE_BYTES", 500)
    counted = both([jtl(begun(START)), jtl(begun(START - 300)), jtl(begun(START + 700))])
    warm_up = counted.phases[PhaseName.WARMUP]
    assert warm_up.first_start == START - 300
    assert warm_up.last_end is not None
    assert START + 4_600 < warm_up.last_end < START + 4_700


@pytest.mark.parametrize("earlier", [1_000, 4_000, 9_000])
def test_a_file_that_begins_much_earlier_moves_the_end_of_the_warm_up_at_most_a_slice_too_late(
    earlier: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(array_counter, "_MAX_UNDECIDED", 20)
    monkeypatch.setattr(reader, "PIECE_BYTES", 500)
    files = [[jtl(begun(START))], [jtl(begun(START - earlier))]]
    exact, found = (read_with(way, files, PLAN) for way in (RowReading, ColumnReading))
    slice_ms = 5_000 // 64
    ended = [each.end for begin in (START, START - earlier) for each in begun(begin)]
    end_of_warm_up = START - earlier + 5_000

    assert plain(found)["overall"] == plain(exact)["overall"]
    assert plain(found)["phases"][PhaseName.FAULT] == plain(exact)["phases"][PhaseName.FAULT]
    warm_up = found.phases[PhaseName.WARMUP].samples
    assert sum(end < end_of_warm_up for end in ended) == exact.phases[PhaseName.WARMUP].samples
    assert exact.phases[PhaseName.WARMUP].samples <= warm_up <= sum(end < end_of_warm_up + slice_ms for end in ended)
    assert warm_up + found.phases[PhaseName.BASELINE].samples == (
        exact.phases[PhaseName.WARMUP].samples + exact.phases[PhaseName.BASELINE].samples
    )
