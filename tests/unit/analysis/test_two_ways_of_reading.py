"""The fast way of reading gives what the csv module gives, whatever the file and however it is cut into chunks."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tandem.adapters.jtl import array_counter, group_codes, interner, kinds, reader, row_counter
from tandem.adapters.jtl.column_reading import ColumnReading
from tandem.adapters.jtl.reader import read_jtl, read_with
from tandem.adapters.jtl.row_reading import RowReading
from tandem.domain.samples import EPOCH, AnalysisPlan
from tandem_samples import GroupKind, ThreadGroup, ThreadGroups

from tests.factories.counted_samples import plain
from tests.factories.jtl import DEFAULT_HEADER, Sample, jtl

START = 1_755_591_301_000
PLAN = AnalysisPlan(
    fault_start=EPOCH + timedelta(milliseconds=START + 20_000),
    fault_end=EPOCH + timedelta(milliseconds=START + 40_000),
    ramp_up_sec=5,
    groups=ThreadGroups(
        [
            ThreadGroup("Users, of ${env}", GroupKind.MAIN),
            ThreadGroup("Prepare 1-1", GroupKind.SETUP),
            ThreadGroup('"Clean-up"', GroupKind.TEARDOWN),
        ]
    ),
)


def by_rows(chunks: Iterable[bytes], plan: AnalysisPlan = PLAN) -> dict[str, Any]:
    return plain(read_with(RowReading, [chunks], plan))


def by_columns(chunks: Iterable[bytes], plan: AnalysisPlan = PLAN) -> dict[str, Any]:
    return plain(read_with(ColumnReading, [chunks], plan))


texts = st.one_of(
    st.sampled_from(
        ["home", "", "a,b", 'say "hi"', "two\nlines", "two\r\nlines", '"', '""', "查票", "\r", "caf\udce9"]
    ),
    st.text(alphabet='ab,;"\n\r é\0', max_size=40),
    st.text(alphabet="xyz", min_size=7, max_size=17),
)
messages = st.one_of(
    texts, st.just("Number of samples in transaction : 3, failing samples : 0"), st.just("Number of s")
)
threads_of_groups = st.builds(
    "{}{} {}-{}".format,
    st.sampled_from(["", "", "host:1099-"]),
    st.sampled_from(["Users, of prod", "Prepare 1-1", '"Clean-up"', "Others", ""]),
    st.integers(1, 3),
    st.integers(1, 10**4),
)
threads = st.one_of(
    threads_of_groups,
    st.sampled_from(["", "Prepare 1-1", "Prepare 1-1 1-", "Prepare 1-1  1-1", "Prepare 1-1 1-12345678901", '"', "1-1"]),
    texts,
)
# Requests, their parts and parts of these: close in time, by the names that JMeter gives them.
part_samples = st.builds(
    Sample,
    start=st.integers(START, START + 30),
    elapsed=st.integers(0, 30),
    label=st.sampled_from(["page", "page-0", "page-1", "page-0-0", "buy", "buy-0", "-0", "", "page-01"]),
    message=st.sampled_from(["OK", "OK", "", "Number of samples in transaction : 3, failing samples : 0"]),
    threads=st.sampled_from([0, 3, 3]),
    thread=st.sampled_from(["Users, of test 1-1", "Users, of test 1-2", "Prepare 1-1 1-1", ""]),
)
samples = st.builds(
    Sample,
    start=st.one_of(st.integers(START, START + 60_000), st.integers(0, 10**14)),
    elapsed=st.one_of(st.integers(0, 500), st.integers(0, 10**9 - 1)),
    label=texts,
    code=st.sampled_from(["200", "503", "", "Non HTTP response code: java.net.SocketTimeoutException"]),
    message=messages,
    success=st.booleans(),
    failure_message=texts,
    received=st.integers(0, 10**10 - 1),
    sent=st.integers(0, 5),
    threads=st.integers(0, 99),
    thread=threads,
)
near_samples = st.builds(
    Sample,
    start=st.integers(START, START + 60_000),
    elapsed=st.integers(0, 3000),
    label=st.sampled_from(["home", "cart, full", "checkout of a very long name indeed"]),
    success=st.booleans(),
    code=st.sampled_from(["200", "503"]),
    message=st.sampled_from(["OK", "Busy, later", "Number of samples in transaction : 3, failing samples : 0"]),
    thread=threads_of_groups,
)
columns = st.permutations(DEFAULT_HEADER).flatmap(
    lambda order: st.integers(0, len(order)).map(
        lambda kept: list(dict.fromkeys([*order[:kept], "timeStamp", "elapsed"]))
    )
)
damage = st.one_of(
    st.just(b""),
    st.sampled_from(
        [
            b'"',
            b",",
            b"\n",
            b"\r",
            b"\xff",
            b"\0",
            b'a"b',
            b'"a"b,\n',
            b"\n\n",
            b"x,y\n",
            b'"\n',
            b",,,,\n",
            b"\xef\xbb\xbf",
        ]
    ),
    st.binary(max_size=6),
)


def cut(data: bytes, places: list[float]) -> list[bytes]:
    marks = sorted({0, len(data), *(int(place * len(data)) for place in places)})
    return [data[begin:end] for begin, end in pairwise(marks)]


@st.composite
def files(draw: st.DrawFn) -> bytes:
    data = jtl(
        draw(st.one_of(st.lists(st.one_of(samples, near_samples), max_size=12), st.lists(part_samples, max_size=30))),
        columns=draw(st.one_of(st.just(DEFAULT_HEADER), columns)),
        header=draw(st.booleans()),
        line_end=draw(st.sampled_from(["\n", "\r\n"])),
        delimiter=draw(st.sampled_from([",", ",", ";"])),
    )
    begin = draw(st.integers(0, len(data)))
    data = data[:begin] + draw(damage) + data[begin:]
    return data[: len(data) - draw(st.integers(0, 40))] if draw(st.booleans()) else data


def outcome(read: Any, chunks: list[bytes], plan: AnalysisPlan) -> object:
    try:
        return read(chunks, plan)
    except Exception as refused:  # noqa: BLE001 - whatever is raised must be raised by both
        return type(refused), str(refused)


REQUEST_BEFORE_A_TRANSACTION_OF_ITS_NAME = b"""\
1755591301000,0,page,200,,Prepare 1-1 1-1,text,true,,500,100,0,0,http://target.example/,0,0,0
1755591301000,0,page,200,Number of samples in transaction : 3,"Users, of test 1-1",text,true,,500,100,0,0,http://t/,0,0,0
1755591301000,0,page-0,200,OK,Prepare 1-1 1-1,text,true,,500,100,3,3,http://target.example/,0,0,0
"""


@settings(max_examples=150, deadline=None)
@given(files(), st.lists(st.floats(0, 1), max_size=4), st.sampled_from([16, 100, 1000]), st.sampled_from([0, 2, 1000]))
@example(b'timeStamp,elapsed,label\n1,2,"a\n1,2,b"\n1,2,c\n', [0.6], 16, 0)
@example(b'timeStamp,elapsed,label\n1,2,"a\n1,2,b\n1,2,c\n', [], 100, 0)
@example(b'timeStamp,elapsed,label\n1,2,a\n1,2,"', [], 100, 0)
@example(REQUEST_BEFORE_A_TRANSACTION_OF_ITS_NAME, [], 16, 0)
def test_any_file_in_any_pieces_gives_what_the_csv_module_gives_of_the_whole(
    data: bytes, places: list[float], piece_bytes: int, few_threads: int
) -> None:
    whole = outcome(by_rows, [data], PLAN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "PIECE_BYTES", piece_bytes)
        patch.setattr(group_codes, "_FEW_THREADS", few_threads)
        assert outcome(by_rows, cut(data, places), PLAN) == whole
        assert outcome(by_columns, cut(data, places), PLAN) == whole


@settings(max_examples=100, deadline=None)
@given(st.lists(near_samples, min_size=1, max_size=60), st.integers(0, 40), st.randoms())
def test_the_order_of_rows_changes_nothing(rows: list[Sample], ramp_up_sec: int, random: Any) -> None:
    plan = AnalysisPlan(PLAN.fault_start, PLAN.fault_end, ramp_up_sec, bucket_ms=None, groups=PLAN.groups)
    shuffled = list(rows)
    random.shuffle(shuffled)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "PIECE_BYTES", 300)
        assert by_columns([jtl(rows)], plan) == by_columns([jtl(shuffled)], plan) == by_rows([jtl(shuffled)], plan)


def test_pieces_that_jmeter_writes_are_read_the_fast_way(monkeypatch: pytest.MonkeyPatch) -> None:
    readings: list[ColumnReading] = []

    def noted(plan: AnalysisPlan) -> ColumnReading:
        readings.append(ColumnReading(plan))
        return readings[-1]

    monkeypatch.setattr(reader, "PIECE_BYTES", 1000)
    rows = [Sample(START + i, 5, label='a "b",\nc', message="x, y", success=i % 2 == 0) for i in range(200)]
    for line_end in ("\n", "\r\n"):
        counted = read_with(noted, [[jtl(rows, line_end=line_end)]], PLAN)
        assert (counted.overall.samples, counted.overall.errors) == (200, 100)
        assert readings[-1].pieces_by_rows == 0


@pytest.mark.parametrize("wanted", [None, 1, 7, 1000])
def test_buckets_widen_while_reading_as_if_the_span_had_been_known(
    wanted: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "PIECE_BYTES", 200)
    rows = [Sample(START + (i * 7919) % 5_000_000, i % 400) for i in range(400)]
    plan = AnalysisPlan(bucket_ms=wanted)
    assert by_columns([jtl(rows)], plan) == by_rows([jtl(rows)], plan)


def test_bounds_on_labels_and_errors_hold_alike_in_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (kinds, row_counter):
        monkeypatch.setattr(module, "MAX_LABELS", 5)
        monkeypatch.setattr(module, "MAX_DISTINCT_ERRORS", 3)
    monkeypatch.setattr(interner, "_MAX_KNOWN", 4)
    monkeypatch.setattr(reader, "PIECE_BYTES", 500)
    rows = [Sample(START + i, 5, label=f"l{i % 9}", message=f"m{i % 7}", code="500", success=False) for i in range(99)]
    found = by_columns([jtl(rows)])
    assert found == by_rows([jtl(rows)])
    assert (len(found["labels"]), found["other_labels"]) == (5, 44)
    assert (len(found["errors"]), found["other_errors"]) == (3, 56)


def test_texts_too_long_for_words_are_told_apart() -> None:
    rows = [Sample(START + i, 5, label="x" * 400 + str(i % 3)) for i in range(30)]
    assert by_columns([jtl(rows)]) == by_rows([jtl(rows)])


def test_a_long_warm_up_is_settled_in_part_and_still_exact_for_rows_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_counter, "_MAX_UNDECIDED", 20)
    monkeypatch.setattr(reader, "PIECE_BYTES", 500)
    rows = [Sample(START + i * 20 - (i == 3) * 50, 30) for i in range(1000)]
    assert by_columns([jtl(rows)]) == by_rows([jtl(rows)])


def test_pending_counts_are_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_counter, "_MAX_PENDING", 10)
    monkeypatch.setattr(reader, "PIECE_BYTES", 500)
    rows = [Sample(START + i * 100, (i * 37) % 50 + (i % 11 == 0) * 10**6) for i in range(500)]
    assert by_columns([jtl(rows)]) == by_rows([jtl(rows)])


def test_a_large_file_is_read_by_columns_and_a_small_one_by_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Sample(START + i, i % 9) for i in range(100)]
    small = plain(read_jtl([[jtl(rows)]], PLAN))
    monkeypatch.setattr(reader, "SMALL_BYTES", 1000)
    assert plain(read_jtl([cut(jtl(rows), [0.01, 0.5])], PLAN)) == small == by_rows([jtl(rows)])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(part_samples, max_size=40), min_size=1, max_size=3), st.sampled_from([200, 1000, 1 << 20]))
def test_requests_and_their_parts_in_several_files_are_told_alike(parts: list[list[Sample]], piece_bytes: int) -> None:
    files = [[jtl(rows)] for rows in parts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "PIECE_BYTES", piece_bytes)
        assert plain(read_with(ColumnReading, files, PLAN)) == plain(read_with(RowReading, files, PLAN))


def test_parts_met_late_are_read_in_order_from_there_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "PIECE_BYTES", 300)
    rows = [Sample(START + i, 5, thread=f"Users, of prod 1-{i % 7}") for i in range(60)]
    rows += [Sample(START + 100, 50, label="page"), Sample(START + 100, 20, label="page-0")]
    rows += [Sample(START + 200 + i, 5) for i in range(60)]
    found = by_columns([jtl(rows)])
    assert found == by_rows([jtl(rows)])
    assert found["overall"]["samples"] == 121


@pytest.mark.parametrize("few", [0, 100, 1000])
def test_threads_of_any_number_are_told_the_fast_way(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_codes, "_FEW_THREADS", few)
    readings: list[ColumnReading] = []

    def noted(plan: AnalysisPlan) -> ColumnReading:
        readings.append(ColumnReading(plan))
        return readings[-1]

    monkeypatch.setattr(reader, "PIECE_BYTES", 1000)
    names = ("Users, of prod", "Prepare 1-1", '"Clean-up"', "pool")
    rows = [Sample(START + i, 5, thread=f"{names[i % 4]} 1-{i}") for i in range(400)]
    counted = read_with(noted, [[jtl(rows)]], PLAN)
    assert plain(counted) == by_rows([jtl(rows)])
    assert readings[-1].pieces_by_rows == 0
    assert counted.set_up is not None
    assert counted.tear_down is not None
    assert (counted.overall.samples, counted.set_up.samples, counted.tear_down.samples) == (200, 100, 100)
    assert (counted.untold, counted.groups_known) == (100, True)
