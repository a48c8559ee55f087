"""What the reader takes, what it skips and what it refuses."""

import gzip

import pytest
from tandem.adapters.jtl.reader import read_jtl
from tandem.domain.errors import UnreadableResults
from tandem.domain.samples import AnalysisPlan, CountedSamples, ErrorKind, LabelKey

from tests.factories.jtl import DEFAULT_HEADER, Sample, jtl

START = 1_755_591_301_000


def read(data: bytes) -> CountedSamples:
    return read_jtl([[data]], AnalysisPlan())


def test_columns_are_found_by_name_in_any_order() -> None:
    data = jtl([Sample(START, 7, label="a"), Sample(START, 9, label="b")], columns=["label", "elapsed", "timeStamp"])
    counted = read(data)
    assert (counted.overall.samples, counted.overall.elapsed_total) == (2, 16)
    assert set(counted.labels) == {LabelKey("a", False), LabelKey("b", False)}


def test_without_their_columns_errors_and_bytes_and_threads_are_unknown() -> None:
    overall = read(jtl([Sample(START, 7)], columns=["timeStamp", "elapsed"])).overall
    assert (overall.errors, overall.received_bytes, overall.sent_bytes, overall.max_threads) == (None,) * 4


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_quoted_fields_may_hold_delimiters_quotes_and_line_breaks(line_end: str) -> None:
    label = f'say "hi", twice{line_end}on two lines'
    samples = [Sample(START, 5, label=label), Sample(START + 10, 6, label="plain")]
    counted = read(jtl(samples, line_end=line_end))
    assert counted.labels[LabelKey(label, False)].samples == 1
    assert (counted.overall.samples, counted.skipped) == (2, 0)


def test_labels_of_any_language_are_kept() -> None:
    assert LabelKey("查票 🎫", False) in read(jtl([Sample(START, 5, label="查票 🎫")])).labels


def test_invalid_utf8_costs_no_row() -> None:
    counted = read(jtl([Sample(START, 5, label="caf\udce9"), Sample(START, 6)]))
    assert counted.labels[LabelKey("caf\ufffd", False)].samples == 1
    assert (counted.overall.samples, counted.skipped) == (2, 0)


@pytest.mark.parametrize("length", [1, 2])
def test_a_last_row_that_has_all_its_columns_needs_no_line_end(length: int) -> None:
    counted = read(jtl([Sample(START, 5), Sample(START, 6)], line_end="\r\n")[:-length])
    assert (counted.overall.elapsed, counted.skipped) == ([5, 6], 0)


def test_a_last_row_without_all_its_columns_is_dropped_and_counted() -> None:
    counted = read(jtl([Sample(START, 5), Sample(START, 6)])[:-4])
    assert (counted.overall.samples, counted.skipped) == (1, 1)


@pytest.mark.parametrize("last", ["allThreads", "elapsed", "label", "bytes"])
def test_a_last_row_whose_end_could_be_missing_in_a_figure_is_dropped_and_counted(last: str) -> None:
    columns = [*(column for column in DEFAULT_HEADER if column != last), last]
    counted = read(jtl([Sample(START, 5), Sample(START, 6)], columns=columns)[:-1])
    assert (counted.overall.samples, counted.skipped) == (1, 1)


@pytest.mark.parametrize(("cut", "kept"), [(1, 2), (2, 1)])
def test_a_last_row_that_ends_with_its_outcome_is_whole_with_the_whole_word(cut: int, kept: int) -> None:
    columns = ["timeStamp", "elapsed", "success"]
    counted = read(jtl([Sample(START, 5), Sample(START, 6)], columns=columns)[:-cut])
    assert (counted.overall.samples, counted.skipped) == (kept, 2 - kept)


def test_a_last_row_cut_inside_a_quoted_line_break_is_one_skipped_record() -> None:
    data = jtl([Sample(START, 5), Sample(START, 6, label="two\nlines")])
    counted = read(data[: data.index(b"two\nlin") + 7])
    assert (counted.overall.samples, counted.skipped) == (1, 1)


def test_without_a_header_the_default_columns_hold() -> None:
    counted = read(jtl([Sample(START, 5, success=False, code="500", message="boom")], header=False))
    assert (counted.overall.samples, counted.overall.errors, counted.skipped) == (1, 1, 0)
    assert counted.errors == {ErrorKind("500", "boom"): 1}


@pytest.mark.parametrize("data", [b"", jtl([]), b"\xef\xbb\xbf" + jtl([])])
def test_a_file_without_samples_is_empty_and_no_error(data: bytes) -> None:
    counted = read(data)
    assert (counted.overall.samples, counted.overall.errors, counted.skipped) == (0, 0, 0)


@pytest.mark.parametrize("header", [True, False])
def test_a_byte_order_mark_is_no_data(header: bool) -> None:
    counted = read(b"\xef\xbb\xbf" + jtl([Sample(START, 5)], header=header))
    assert (counted.overall.samples, counted.skipped) == (1, 0)


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_delimiter_is_the_headers(delimiter: str) -> None:
    assert read(jtl([Sample(START, 5, label="a,b")], delimiter=delimiter)).labels.keys() == {LabelKey("a,b", False)}


@pytest.mark.parametrize(
    "data",
    [
        b'<?xml version="1.0" encoding="UTF-8"?>\n<testResults version="1.2">\n',
        b"\xef\xbb\xbf\n <testResults>",
        b"<html>",
    ],
)
def test_an_xml_file_is_refused_with_a_clear_word(data: bytes) -> None:
    with pytest.raises(UnreadableResults, match="XML"):
        read(data)


@pytest.mark.parametrize("missing", ["timeStamp", "elapsed"])
def test_a_header_without_a_needed_column_is_refused(missing: str) -> None:
    columns = [column for column in DEFAULT_HEADER if column != missing]
    with pytest.raises(UnreadableResults, match=missing):
        read(jtl([Sample(START, 5)], columns=columns))


@pytest.mark.parametrize(
    "row",
    [
        b"x,5,a,true,1\n",
        b"1755591301000,-5,a,true,1\n",
        b"1755591301000,5.5,a,true,1\n",
        b"1755591301000,,a,true,1\n",
        b" 1755591301000,5,a,true,1\n",
        b"1755591301000,1234567890,a,true,1\n",
        b"1755591301000,5,a,maybe,1\n",
        b"1755591301000,5,a,true,many\n",
        b"1755591301000,5,a,true\n",
        b"1755591301000,5,a,true,1,extra\n",
        b'1755591301000,5,"a"b,true,1\n',
        "1755591301000,\u0665,a,true,1\n".encode(),
        b"elapsed,timeStamp,label,success,bytes\n",
    ],
)
def test_a_row_with_a_wrong_value_is_skipped_and_counted(row: bytes) -> None:
    good = b"1755591301000,5,a,true,1\n"
    counted = read(b"timeStamp,elapsed,label,success,bytes\n" + good + row + good)
    assert (counted.overall.samples, counted.skipped) == (2, 1)


def test_the_header_once_more_is_no_record() -> None:
    once = b"timeStamp,elapsed\n1755591301000,5\n"
    counted = read(once + once)
    assert (counted.overall.samples, counted.skipped) == (2, 0)


@pytest.mark.parametrize(
    ("stamp", "header"),
    [
        ("2026/01/02 03:04:05.123", True),
        ("03:04:05", True),
        ("02.01.2026", True),
        ("1755591301", True),
        ("17:00", False),
        ("1755591301021.0", True),
    ],
)
def test_times_in_another_form_are_refused_with_a_clear_word(stamp: str, header: bool) -> None:
    data = jtl([Sample(START, 5)] * 3, header=header).replace(str(START).encode(), stamp.encode())
    with pytest.raises(UnreadableResults, match="timestamp_format=ms"):
        read(data)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (gzip.compress(jtl([Sample(START, 5)])), "compressed"),
        (jtl([Sample(START, 5)]).decode().encode("utf-16"), "UTF-16"),
    ],
)
def test_another_kind_of_file_is_refused_with_a_clear_word(data: bytes, word: str) -> None:
    with pytest.raises(UnreadableResults, match=word):
        read(data)


def test_a_first_line_that_is_no_csv_is_no_failure() -> None:
    counted = read(b"a\rb\n" + b"x" * 200_000 + b"\n" + jtl([Sample(START, 5)], header=False))
    assert (counted.overall.samples, counted.skipped) == (1, 2)


def test_a_file_of_which_no_record_can_be_read_is_refused_with_what_was_found() -> None:
    rows = jtl([Sample(START, 5)] * 3, header=False).replace(b",", b"~")
    with pytest.raises(UnreadableResults, match=r"its first is '1755591301000~5~home.*17 columns separated by ','"):
        read(rows)
    with pytest.raises(UnreadableResults, match="No record"):
        read_jtl([[jtl([])], [rows]], AnalysisPlan())


def test_a_file_that_has_just_begun_is_not_unreadable() -> None:
    counted = read(jtl([]) + b"1755591301000,5,ho")
    assert (counted.overall.samples, counted.skipped) == (0, 1)


@pytest.mark.parametrize("delimiter", ["^", ":", "~", "#"])
def test_any_delimiter_that_the_header_shows_is_the_delimiter(delimiter: str) -> None:
    counted = read(jtl([Sample(START, 5, label="a,b"), Sample(START, 6)], delimiter=delimiter))
    assert (counted.overall.samples, counted.skipped) == (2, 0)
    assert counted.labels.keys() == {LabelKey("a,b", False), LabelKey("home", False)}


def test_a_blank_line_is_no_record() -> None:
    counted = read(b"timeStamp,elapsed\n1755591301000,5\n\n1755591301000,5\n")
    assert (counted.overall.samples, counted.skipped) == (2, 0)


@pytest.mark.parametrize("rest", [5, 20_000, 200_000])
def test_a_quote_that_is_never_closed_costs_its_own_line_alone(rest: int) -> None:
    good = b"1755591301000,5,a\n"
    counted = read(b"timeStamp,elapsed,label\n" + good + b'1755591301000,5,"a\n' + good * rest)
    assert (counted.overall.samples, counted.skipped) == (rest + 1, 1)


def test_a_quote_that_another_row_seems_to_close_costs_its_own_line_alone() -> None:
    good = b"1755591301000,5,a\n"
    quoted = b'1755591301000,5,"a,b"\n'
    counted = read(b"timeStamp,elapsed,label\n" + b'1755591301000,5,"a\n' + good * 9 + quoted)
    assert (counted.overall.samples, counted.skipped) == (10, 1)


def test_transaction_controller_rows_are_labels_of_their_own_and_in_no_other_figure() -> None:
    transaction = Sample(
        START, 50, label="a", message="Number of samples in transaction : 2, failing samples : 1", success=False
    )
    counted = read(jtl([Sample(START, 20, label="a"), Sample(START + 20, 30, label="b"), transaction]))
    assert counted.overall.samples == 2
    assert counted.overall.errors == 0
    assert counted.errors == {}
    assert sum(group.samples for group in counted.buckets.values()) == 2
    assert counted.labels[LabelKey("a", True)].elapsed == [50]
    assert counted.labels[LabelKey("a", False)].elapsed == [20]


def test_a_failed_assertion_is_told_by_its_failure_message() -> None:
    failed = Sample(START, 5, success=False, failure_message="expected /a, b/")
    refused = Sample(START, 5, success=False, code="503", message="Busy", failure_message="expected /a, b/")
    assert read(jtl([failed, refused, failed])).errors == {
        ErrorKind("200", "expected /a, b/"): 2,
        ErrorKind("503", "Busy"): 1,
    }
