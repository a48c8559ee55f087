"""Following, counting and trimming JTL files."""

import csv
import io
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_engine.jtl import DEFAULT_COLUMNS, JtlFollower, trim_to_whole_records

HEADER = ",".join(DEFAULT_COLUMNS)


def _row(start: int, elapsed: int, label: str = "home", success: bool = True, threads: int = 3) -> str:
    if any(special in label for special in ',"\r\n'):
        # Quoted exactly as JMeter quotes (its CSVSaveService); Python's csv leaves a lone \r bare before 3.13.
        label = '"' + label.replace('"', '""') + '"'
    fields = [start, elapsed, label, 200, "OK", "Users 1-1", "text", str(success).lower(), "", 10, 20]
    fields += [threads, threads, "http://127.0.0.1/", elapsed, 0, 1]
    return ",".join(map(str, fields)) + "\n"


@pytest.fixture
def jtl(tmp_path: Path) -> Path:
    return tmp_path / "results.jtl"


def test_a_file_that_is_not_there_yet_is_an_empty_one(jtl: Path) -> None:
    follower = JtlFollower(jtl)
    assert follower.catch_up().total == 0
    jtl.write_text(HEADER + "\n" + _row(1000, 5))
    assert follower.catch_up().total == 1


def test_totals_are_those_of_the_samples(jtl: Path) -> None:
    jtl.write_text(HEADER + "\n" + _row(1000, 5) + _row(1010, 15, success=False) + _row(1005, 40, threads=7))
    totals = JtlFollower(jtl).catch_up()
    assert (totals.total, totals.succ, totals.min_rt, totals.max_rt) == (3, 2, 5, 40)
    assert totals.average() == 20
    assert (totals.first_start, totals.last_end, totals.active_threads) == (1000, 1045, 7)


def test_half_a_record_waits_for_its_other_half(jtl: Path) -> None:
    whole = HEADER + "\n" + _row(1000, 5) + _row(2000, 6)
    cut = len(whole) - 20
    jtl.write_text(whole[:cut])
    follower = JtlFollower(jtl)
    assert follower.catch_up().total == 1
    with jtl.open("a") as file:
        file.write(whole[cut:])
    assert follower.catch_up().total == 2
    assert follower.consumed == len(whole)


def test_line_ends_commas_and_quotes_in_fields_do_not_break_records(jtl: Path) -> None:
    jtl.write_text(HEADER + "\n" + _row(1, 2, 'a,"b"\nc\r\nd') + _row(3, 4, "“中文”", success=False), newline="")
    totals = JtlFollower(jtl).catch_up()
    assert (totals.total, totals.succ, totals.skipped) == (2, 1, 0)


def test_columns_are_found_by_their_names(jtl: Path) -> None:
    jtl.write_text("label,success,elapsed,allThreads,timeStamp\nhome,false,12,4,5000\n")
    totals = JtlFollower(jtl).catch_up()
    assert (totals.total, totals.succ, totals.max_rt, totals.active_threads, totals.first_start) == (1, 0, 12, 4, 5000)


def test_a_file_without_header_has_the_default_columns(jtl: Path) -> None:
    jtl.write_text(_row(1000, 5) + _row(1001, 6))
    assert JtlFollower(jtl).catch_up().total == 2


def test_a_row_that_is_no_sample_is_counted_as_skipped(jtl: Path) -> None:
    jtl.write_text(HEADER + "\nnonsense\n" + _row(1000, 5))
    totals = JtlFollower(jtl).catch_up()
    assert (totals.total, totals.skipped) == (1, 1)


def test_throughput_is_that_of_the_last_five_seconds(jtl: Path) -> None:
    now = 1_700_000_000_000
    old = "".join(_row(now - 20_000 + number, 1) for number in range(50))
    recent = "".join(_row(now - 4_000 + number * 100, 1) for number in range(30))
    jtl.write_text(HEADER + "\n" + old + recent)
    totals = JtlFollower(jtl).catch_up()
    assert totals.throughput(now) == 30 / 5
    assert totals.throughput(now + 60_000) == 0


def test_a_sample_belongs_to_the_moment_of_its_end(jtl: Path) -> None:
    now = 1_700_000_000_000
    jtl.write_text(HEADER + "\n" + _row(now - 60_000, 59_000))
    assert JtlFollower(jtl).catch_up().throughput(now) == 1 / 5


def test_an_unfinished_last_record_is_cut_off_and_the_rest_stays(jtl: Path) -> None:
    whole = (HEADER + "\n" + _row(1000, 5, 'multi\nline "x"')).encode()
    jtl.write_bytes(whole + b'1001,6,"label\nwith line ends,20')
    follower = JtlFollower(jtl)
    assert follower.catch_up().total == 1
    assert trim_to_whole_records(follower) == len(b'1001,6,"label\nwith line ends,20')
    assert jtl.read_bytes() == whole
    assert trim_to_whole_records(follower) == 0


def test_trimming_a_file_that_was_never_written_does_nothing(jtl: Path) -> None:
    assert trim_to_whole_records(JtlFollower(jtl)) == 0
    assert not jtl.exists()


def test_a_quote_that_is_never_closed_costs_one_record_and_not_the_rest(
    jtl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tandem_engine.jtl._LONGEST_RECORD", 2000)
    jtl.write_text(HEADER + '\n1,2,"never closed\n' + "".join(_row(number, 1) for number in range(100)))
    follower = JtlFollower(jtl)
    totals = follower.catch_up()
    assert (totals.total, totals.skipped) == (100, 1)
    with jtl.open("a") as file:
        file.write(_row(5000, 1) * 10)
    assert follower.catch_up().total == 110


_LABELS = st.text(alphabet='ab,"\n\r é中', max_size=8)


@settings(max_examples=60, deadline=None)
@given(labels=st.lists(_LABELS, min_size=1, max_size=30), seed=st.integers(0, 2**32), cut=st.integers(0, 40))
def test_however_the_bytes_arrive_each_whole_record_counts_once(
    tmp_path_factory: pytest.TempPathFactory, labels: list[str], seed: int, cut: int
) -> None:
    rows = [_row(1000 + number, number, label) for number, label in enumerate(labels)]
    content = (HEADER + "\n" + "".join(rows)).encode()
    last = len(rows[-1].encode())
    content = content[: len(content) - min(cut, last)]
    whole = len(labels) - (1 if cut else 0)
    path = tmp_path_factory.mktemp("jtl") / "results.jtl"
    follower = JtlFollower(path)
    randomness = random.Random(seed)
    done = 0
    while done < len(content):
        step = randomness.randint(1, 60)
        with path.open("ab") as file:
            file.write(content[done : done + step])
        done += step
        follower.advance()
    assert follower.catch_up().total == whole
    trim_to_whole_records(follower)
    kept = list(csv.reader(io.StringIO(path.read_bytes().decode(), newline="")))
    assert [row[2] for row in kept[1:]] == labels[:whole]
