"""What its result files say about a run: overall, by label, by phase, over time, and its commonest errors."""

from collections.abc import Iterable
from dataclasses import dataclass

from tandem.domain.phases import Phase, phase_bounds, phases
from tandem.domain.samples import AnalysisPlan, CountedSamples, ErrorKind, LabelKey, SampleReader
from tandem.domain.summary import Summary, summarise
from tandem.domain.timeseries import Timeseries, timeseries

MAX_TOP_ERRORS = 20


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """How often one kind of error occurred."""

    kind: ErrorKind
    count: int


@dataclass(frozen=True, slots=True)
class TopErrors:
    """The commonest kinds of error, most frequent first.

    ``others`` counts the errors of all further kinds; ``all_kinds_seen`` is False when there were more distinct kinds
    than are told apart (MAX_DISTINCT_ERRORS), so that a kind which came late may be missing here.
    """

    kinds: tuple[ErrorCount, ...]
    others: int
    all_kinds_seen: bool


@dataclass(frozen=True, slots=True)
class Analysis:
    """The figures of a run; ``labels`` in order of name, ``counted`` as read.

    ``set_up`` and ``tear_down`` are the figures of such thread groups, which are in nothing else; None without any.
    """

    summary: Summary
    labels: tuple[tuple[LabelKey, Summary], ...]
    phases: tuple[Phase, ...]
    series: Timeseries
    top_errors: TopErrors
    counted: CountedSamples
    set_up: Summary | None
    tear_down: Summary | None


def analyse(read: SampleReader, files: Iterable[Iterable[bytes]], plan: AnalysisPlan) -> Analysis:
    """Analyse a run's result files, one from each engine, as one stream in one pass. Raises UnreadableResults."""
    counted = read(files, plan)
    overall = counted.overall
    if overall.first_start is None or overall.last_end is None:
        bounds = []
    else:
        bounds = phase_bounds(overall.first_start, overall.last_end, plan)
    return Analysis(
        summary=summarise(overall, counted.skipped),
        labels=tuple((key, summarise(group)) for key, group in sorted(counted.labels.items())),
        phases=tuple(phases(bounds, counted)),
        series=timeseries(counted),
        top_errors=_top_errors(counted),
        counted=counted,
        set_up=None if counted.set_up is None else summarise(counted.set_up),
        tear_down=None if counted.tear_down is None else summarise(counted.tear_down),
    )


def _top_errors(counted: CountedSamples) -> TopErrors:
    ordered = sorted(counted.errors.items(), key=lambda item: (-item[1], item[0]))
    top = tuple(ErrorCount(kind, count) for kind, count in ordered[:MAX_TOP_ERRORS])
    others = sum(count for _, count in ordered[MAX_TOP_ERRORS:]) + counted.other_errors
    return TopErrors(top, others, counted.other_errors == 0)
