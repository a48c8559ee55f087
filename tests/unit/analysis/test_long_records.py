"""A record is as long as JMeter writes it: what the figures need is kept, the rest goes by."""

import tracemalloc
from collections.abc import Iterator

import pytest
from tandem.adapters.jtl import reader
from tandem.adapters.jtl.column_reading import ColumnReading
from tandem.adapters.jtl.reader import read_jtl, read_with
from tandem.adapters.jtl.row_reading import RowReading
from tandem.domain.samples import AnalysisPlan, ErrorKind

from tests.factories.counted_samples import plain
from tests.factories.jtl import Sample, jtl

START = 1_755_591_301_000
MEBIBYTE = 1 << 20


def in_chunks(data: bytes, size: int = 100_000) -> Iterator[bytes]:
    for begin in range(0, len(data), size):
        yield data[begin : begin + size]


def failed(number: int, length: int, sign: str = "x") -> Sample:
    message = f'assert "{number}",\nwanted ' + sign * length
    return Sample(START + number, 5, success=False, code="500", message=message)


@pytest.mark.parametrize("chunk", [7_001, 3 * MEBIBYTE])
@pytest.mark.parametrize("length", [300_000, 2 * MEBIBYTE])
@pytest.mark.parametrize("sign", ["x", '"', "\n", "查", ",", "\r\n"])
def test_failures_with_long_messages_are_failures(length: int, sign: str, chunk: int) -> None:
    rows = [Sample(START, 5), failed(1, length // len(sign), sign), Sample(START + 2, 5), failed(3, length, "y")]
    data = jtl([*rows, Sample(START + 4, 5)])
    short = jtl([failed(1, 500, sign), failed(3, 500, "y")])
    wanted = plain(read_with(RowReading, [[short]], AnalysisPlan()))
    for way in (RowReading, ColumnReading):
        counted = read_with(way, [in_chunks(data, chunk)], AnalysisPlan())
        assert (counted.overall.samples, counted.overall.errors, counted.skipped) == (5, 2, 0)
        assert counted.errors == wanted["errors"]


def test_ninety_four_failures_with_long_messages_are_ninety_four_errors() -> None:
    data = jtl(failed(number, 150_000) for number in range(94))
    counted = read_jtl([in_chunks(data)], AnalysisPlan())
    assert (counted.overall.samples, counted.overall.errors, counted.skipped) == (94, 94, 0)
    assert sum(counted.errors.values()) == 94


def test_a_field_of_sixty_megabytes_is_read_in_little_memory() -> None:
    def chunks() -> Iterator[bytes]:
        yield jtl([Sample(START, 5)])
        row = jtl([failed(1, 10)], header=False)
        before, after = row.split(b"xxxxxxxxxx")
        yield before
        for _ in range(600):
            yield b"x" * 50_000 + b'""' * 25_000 + b"\n"
        yield after
        yield jtl([Sample(START + 9, 7)], header=False)

    tracemalloc.start()
    try:
        counted = read_jtl([chunks()], AnalysisPlan())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (counted.overall.samples, counted.overall.errors, counted.skipped) == (3, 1, 0)
    assert list(counted.errors) == [ErrorKind("500", ('assert "1",\nwanted ' + "x" * 300)[:300])]
    assert most < 40 * MEBIBYTE


def test_a_long_record_without_quotes_is_cut_as_well() -> None:
    row = jtl([Sample(START, 5, message="x" * MEBIBYTE)])
    counted = read_jtl([in_chunks(row + jtl([Sample(START, 5)], header=False))], AnalysisPlan())
    assert (counted.overall.samples, counted.skipped) == (2, 0)


def test_a_long_record_that_the_files_end_cuts_is_one_skipped_record() -> None:
    data = jtl([Sample(START, 5), failed(1, MEBIBYTE)])
    counted = read_jtl([in_chunks(data[:-200_000])], AnalysisPlan())
    assert (counted.overall.samples, counted.skipped) == (1, 1)


def test_damage_within_a_long_record_costs_that_record_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_HELD_BYTES", 1000)
    monkeypatch.setattr(reader, "PIECE_BYTES", 256)
    long = jtl([failed(1, 5000)], header=False)
    torn = long[:3000] + b"\n"
    broken = long[:3000] + b'"z\n'
    good = jtl([Sample(START, 5)], header=False)
    for way in (RowReading, ColumnReading):
        counted = read_with(way, [in_chunks(jtl([]) + good + torn + good * 3 + broken + good, 256)], AnalysisPlan())
        assert counted.overall.samples == 5
        assert counted.skipped == 2
