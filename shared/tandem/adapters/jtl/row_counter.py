"""Counts the rows of small files in plain Python, without importing anything heavy."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from tandem_samples import GroupKind, SampleKind

from tandem.adapters.jtl.layout import Layout, Told, told_by
from tandem.adapters.jtl.rows import Row
from tandem.domain.phases import phase_cuts
from tandem.domain.samples import (
    MAX_DISTINCT_ERRORS,
    MAX_LABELS,
    AnalysisPlan,
    CountedSamples,
    ErrorKind,
    Group,
    LabelKey,
    PhaseName,
    seconds_before_fault,
)
from tandem.domain.timeseries import bucket_width


class FileRows(NamedTuple):
    """All rows of a file."""

    layout: Layout
    rows: list[Row]


class _Sample(NamedTuple):
    """A row and the number of its file."""

    file: int
    row: Row

    @property
    def end(self) -> int:
        return self.row.start + self.row.elapsed


def count_rows(files: Sequence[FileRows], plan: AnalysisPlan, skipped: int) -> CountedSamples:
    """Count all rows of a run's files; memory grows with their number."""
    told = told_by(file.layout for file in files if file.rows)
    labels: dict[LabelKey, list[_Sample]] = {}
    other_labels = 0
    requests: list[_Sample] = []
    others: dict[GroupKind, list[_Sample]] = {}
    untold = 0
    errors: Counter[ErrorKind] = Counter()
    other_errors = 0
    for sample in (_Sample(number, row) for number, file in enumerate(files) for row in file.rows):
        row = sample.row
        if row.sorted.group is not GroupKind.MAIN:
            if row.sorted.kind is SampleKind.REQUEST:
                others.setdefault(row.sorted.group, []).append(sample)
            continue
        if told.label and row.label is not None:
            if row.label in labels or len(labels) < MAX_LABELS:
                labels.setdefault(row.label, []).append(sample)
            else:
                other_labels += 1
        if not row.sorted.is_load:
            continue
        untold += not row.sorted.matched
        requests.append(sample)
        if told.success and row.error is not None:
            if row.error in errors or len(errors) < MAX_DISTINCT_ERRORS:
                errors[row.error] += 1
            else:
                other_errors += 1
    overall = _group(requests, told)
    by_phase: dict[PhaseName, list[_Sample]] = {}
    by_bucket: dict[int, list[_Sample]] = {}
    last_ends: dict[int, int] = {}
    before_fault = seconds_before_fault(plan)
    width = bucket_width(0, 0, plan.bucket_ms)
    if overall.first_start is not None and overall.last_end is not None:
        cuts = phase_cuts(overall.first_start, overall.last_end, plan)
        width = bucket_width(min(sample.end for sample in requests), overall.last_end, plan.bucket_ms)
        for sample in requests:
            by_phase.setdefault(cuts.phase_of(sample.end), []).append(sample)
            by_bucket.setdefault(sample.end // width, []).append(sample)
            last_ends[sample.file] = max(last_ends.get(sample.file, 0), sample.end)
    groups_known = plan.groups.known and told.thread_name
    return CountedSamples(
        overall=overall,
        labels={key: _group(members, told) for key, members in labels.items()},
        other_labels=other_labels,
        phases={name: _group(members, told) for name, members in by_phase.items()},
        bucket_ms=width,
        buckets={index: _group(members, told) for index, members in by_bucket.items()},
        errors=dict(errors),
        other_errors=other_errors,
        skipped=skipped,
        last_ends=tuple(last_ends.values()),
        before_fault=_group([sample for sample in requests if sample.end in before_fault], told),
        set_up=_group(others[GroupKind.SETUP], told) if GroupKind.SETUP in others else None,
        tear_down=_group(others[GroupKind.TEARDOWN], told) if GroupKind.TEARDOWN in others else None,
        untold=untold if groups_known else 0,
        groups_known=groups_known,
    )


def _group(samples: list[_Sample], told: Told) -> Group:
    rows = [sample.row for sample in samples]
    latencies = sorted(Counter(row.elapsed for row in rows).items())
    return Group(
        samples=len(rows),
        errors=sum(1 for row in rows if row.failed) if told.success else None,
        received_bytes=sum(row.received or 0 for row in rows) if told.received else None,
        sent_bytes=sum(row.sent or 0 for row in rows) if told.sent else None,
        first_start=min((row.start for row in rows), default=None),
        last_end=max((sample.end for sample in samples), default=None),
        max_threads=_max_threads(samples) if told.threads else None,
        elapsed_total=sum(row.elapsed for row in rows),
        elapsed=[value for value, _ in latencies],
        counts=[count for _, count in latencies],
    )


def _max_threads(samples: list[_Sample]) -> int | None:
    most: dict[int, int] = {}
    for file, row in samples:
        most[file] = max(most.get(file, 0), row.threads or 0)
    return sum(most.values()) if most else None
