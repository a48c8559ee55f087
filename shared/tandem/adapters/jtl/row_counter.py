"""Counts the rows of a small file in plain Python, without importing anything heavy."""

from collections import Counter
from collections.abc import Iterable

from tandem.adapters.jtl.layout import Layout
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
)
from tandem.domain.timeseries import bucket_width


def count_rows(rows: Iterable[Row], layout: Layout, plan: AnalysisPlan, skipped: int) -> CountedSamples:
    """Count all rows of a file; memory grows with their number."""
    labels: dict[LabelKey, list[Row]] = {}
    other_labels = 0
    requests: list[Row] = []
    errors: Counter[ErrorKind] = Counter()
    other_errors = 0
    for row in rows:
        if row.label is not None:
            if row.label in labels or len(labels) < MAX_LABELS:
                labels.setdefault(row.label, []).append(row)
            else:
                other_labels += 1
        if row.transaction:
            continue
        requests.append(row)
        if row.error is not None:
            if row.error in errors or len(errors) < MAX_DISTINCT_ERRORS:
                errors[row.error] += 1
            else:
                other_errors += 1
    overall = _group(requests, layout)
    by_phase: dict[PhaseName, list[Row]] = {}
    by_bucket: dict[int, list[Row]] = {}
    width = bucket_width(0, 0, plan.bucket_ms)
    if overall.first_start is not None and overall.last_end is not None:
        cuts = phase_cuts(overall.first_start, overall.last_end, plan)
        width = bucket_width(min(row.start + row.elapsed for row in requests), overall.last_end, plan.bucket_ms)
        for row in requests:
            end = row.start + row.elapsed
            by_phase.setdefault(cuts.phase_of(end), []).append(row)
            by_bucket.setdefault(end // width, []).append(row)
    return CountedSamples(
        overall=overall,
        labels={key: _group(members, layout) for key, members in labels.items()},
        other_labels=other_labels,
        phases={name: _group(members, layout) for name, members in by_phase.items()},
        bucket_ms=width,
        buckets={index: _group(members, layout) for index, members in by_bucket.items()},
        errors=dict(errors),
        other_errors=other_errors,
        skipped=skipped,
    )


def _group(rows: list[Row], layout: Layout) -> Group:
    latencies = sorted(Counter(row.elapsed for row in rows).items())
    return Group(
        samples=len(rows),
        errors=None if layout.success is None else sum(1 for row in rows if row.failed),
        received_bytes=None if layout.received is None else sum(row.received or 0 for row in rows),
        sent_bytes=None if layout.sent is None else sum(row.sent or 0 for row in rows),
        first_start=min((row.start for row in rows), default=None),
        last_end=max((row.start + row.elapsed for row in rows), default=None),
        max_threads=max((row.threads for row in rows if row.threads is not None), default=None),
        elapsed_total=sum(row.elapsed for row in rows),
        elapsed=[value for value, _ in latencies],
        counts=[count for _, count in latencies],
    )
