"""Result files that went wrong, as JMeter and others wrote them, and what is right."""

from pathlib import Path

import pytest
from tandem.adapters.jmx.thread_groups import read_thread_groups
from tandem.adapters.jtl.column_reading import ColumnReading
from tandem.adapters.jtl.reader import read_jtl, read_with
from tandem.adapters.jtl.row_reading import RowReading
from tandem.domain.errors import UnreadableResults
from tandem.domain.samples import AnalysisPlan, LabelKey
from tandem_samples import ThreadGroups

from tests.factories.counted_samples import plain

FIXTURES = Path(__file__).parents[2] / "fixtures"


def content(name: str) -> bytes:
    return (FIXTURES / "results" / name).read_bytes()


def test_redirects_embedded_resources_and_transactions_of_a_real_run_are_no_requests() -> None:
    """Written by JMeter 5.5: a set-up and a tear-down, parent and plain transactions, three of them cut by the end."""
    groups = ThreadGroups(read_thread_groups([(FIXTURES / "plans" / "parts_of_requests.jmx").read_bytes()]))
    file = content("parts_of_requests.jtl")
    plan = AnalysisPlan(groups=groups)
    counted = read_with(ColumnReading, [[file]], plan)
    assert plain(counted) == plain(read_with(RowReading, [[file]], plan))
    assert counted.set_up is not None
    assert counted.tear_down is not None
    assert (counted.set_up.samples, counted.tear_down.samples, counted.untold) == (1, 1, 0)
    requests = {"a": 15, "b": 15, "c": 15, "c2": 14, "e": 12, "page": 12}
    assert {
        key.label: group.samples for key, group in counted.labels.items() if key == LabelKey(key.label, False)
    } == requests
    assert counted.overall.samples == sum(requests.values())
    assert counted.overall.errors == 15
    transactions = {key.label: group.samples for key, group in counted.labels.items() if key.transaction}
    assert transactions == {"Order flow": 15, "Browse": 15, "Deep": 13}
    parts = {key.label for key in counted.labels if key.sub_result}
    assert parts == {"c-0", "c-1", "page-0", "page-1", "page-2", "page-3"}
    assert sum(group.samples for group in counted.buckets.values()) == counted.overall.samples


def test_a_delimiter_that_only_the_header_shows_is_read() -> None:
    counted = read_jtl([[content("caret.jtl")]], AnalysisPlan())
    assert (counted.overall.samples, counted.skipped) == (16, 0)


def test_without_a_header_an_unknown_delimiter_is_said() -> None:
    _, _, rows = content("caret.jtl").partition(b"\n")
    with pytest.raises(UnreadableResults, match=r"1795941600021\^150\^list"):
        read_jtl([[rows]], AnalysisPlan())


def test_stamps_with_a_fraction_are_refused_with_what_was_found() -> None:
    with pytest.raises(UnreadableResults, match=r"1795941600021\.0"):
        read_jtl([[content("floatstamp.jtl")]], AnalysisPlan())


def test_an_xml_file_is_refused() -> None:
    with pytest.raises(UnreadableResults, match="output_format=csv"):
        read_jtl([[content("xml.jtl")]], AnalysisPlan())


def test_a_whole_last_row_without_its_line_end_counts() -> None:
    file = content("last_row_without_newline.jtl")
    counted = read_jtl([[file]], AnalysisPlan())
    assert not file.endswith(b"\n")
    assert (counted.overall.samples, counted.skipped) == (file.count(b"\n"), 0)


def test_labels_of_any_kind_are_kept_whole() -> None:
    from tests.factories.jtl import Sample, jtl

    labels = [
        "<script>alert(1)</script>",
        'a "quoted", one',
        "tab\there",
        "two\nlines",
        "🎫 查票",
        "",
        "=cmd|' /C calc'!A0",
    ]
    counted = read_jtl([[jtl(Sample(1_795_941_600_000, 5, label=label) for label in labels)]], AnalysisPlan())
    assert {key.label for key in counted.labels} == set(labels)
