"""Samples of a load test, counted: the form in which every rule of the analysis sees them.

A group (all samples, a label, a phase, a bucket of time) is kept as its distinct latencies and how often each
occurred. So percentiles are exact, and memory depends on the number of distinct latencies, not on that of samples.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

from tandem_samples import ThreadGroups

from tandem.domain.errors import FieldFault, InvalidValue

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MAX_DISTINCT_ERRORS = 1000
"""Distinct pairs of code and message that are kept; errors of further pairs are counted together."""

MAX_ERROR_TEXT = 300
"""Characters kept of an error's code and of its message."""

LAST_SECONDS = 5
"""The last whole seconds before the fault, counted by themselves: a service that is dead then was not healthy."""

MAX_LABEL_TEXT = 1000
"""Characters kept of a label."""

MAX_LABELS = 2000
"""Distinct labels that are told apart, the first in the file; a plan that puts ids into labels has no end of them."""


class PhaseName(StrEnum):
    WARMUP = "WARMUP"
    BASELINE = "BASELINE"
    FAULT = "FAULT"
    RECOVERY = "RECOVERY"


class ErrorKind(NamedTuple):
    """What one kind of failed sample answered."""

    code: str
    message: str


class LabelKey(NamedTuple):
    """A label; the rows of a Transaction Controller and sub-results are kept apart from requests of the same name."""

    label: str
    transaction: bool
    sub_result: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """The counted samples of one group.

    ``elapsed`` are the distinct latencies in ms, ascending, ``counts`` how often each occurred, and ``elapsed_total``
    the sum over all samples. Times are epoch ms.
    ``errors``, ``received_bytes``, ``sent_bytes`` and ``max_threads`` are None where a file has no such column.
    The threads of several files run side by side, so ``max_threads`` is the sum of each file's own maximum: it is exact
    when all had their most at the same time, and never too low.
    """

    samples: int
    errors: int | None
    received_bytes: int | None
    sent_bytes: int | None
    first_start: int | None
    last_end: int | None
    max_threads: int | None
    elapsed_total: int
    elapsed: Sequence[int]
    counts: Sequence[int]


@dataclass(frozen=True, slots=True)
class AnalysisPlan:
    """What is known about a run before its samples are read.

    ``fault_start`` and ``fault_end`` bound the fault window (aware datetimes; None when unknown or still open),
    ``ramp_up_sec`` is the definition's ramp-up, ``bucket_ms`` the wished width of a bucket (None: chosen), ``groups``
    the thread groups of the test plan. Raises InvalidValue.
    """

    fault_start: datetime | None = None
    fault_end: datetime | None = None
    ramp_up_sec: int = 0
    bucket_ms: int | None = None
    groups: ThreadGroups = field(default_factory=ThreadGroups)

    def __post_init__(self) -> None:
        faults = []
        for name, value in (("faultStart", self.fault_start), ("faultEnd", self.fault_end)):
            if value is not None and value.utcoffset() is None:
                faults.append(FieldFault(name, "must be a time with an offset"))
        if not faults and self.fault_end is not None:
            if self.fault_start is None:
                faults.append(FieldFault("faultEnd", "must not be given without faultStart"))
            elif self.fault_end < self.fault_start:
                faults.append(FieldFault("faultEnd", "must not be before faultStart"))
        if self.ramp_up_sec < 0:
            faults.append(FieldFault("rampUp", "must be 0 or more seconds"))
        if self.bucket_ms is not None and self.bucket_ms < 1:
            faults.append(FieldFault("bucketMs", "must be 1 or more milliseconds"))
        if faults:
            raise InvalidValue("The analysis cannot be made as asked.", faults)


@dataclass(frozen=True, slots=True)
class CountedSamples:
    """A whole run, counted over all its files.

    A file that has samples but not the column for a figure leaves that figure unknown for the whole: ``labels`` are
    empty when one has no labels, ``errors`` when one does not say what failed.
    Only what counts as load is in here (``tandem_samples``): requests of main thread groups. Those of set-up and
    tear-down groups are ``set_up`` and ``tear_down`` and nothing else (None: there are none). Of the load's other rows
    Transaction Controllers and sub-results are in ``labels`` only. ``untold`` counts the requests of threads whose
    names fit no group of the plan; ``groups_known`` is False when the plan's groups or the threads' names are unknown:
    then every request is load. ``other_labels`` counts the samples whose label came after
    MAX_LABELS others. ``phases`` and ``buckets`` hold those that have samples; ``buckets`` is keyed by
    ``end // bucket_ms``. ``other_errors`` counts the errors whose kind came after MAX_DISTINCT_ERRORS others.
    ``skipped`` counts the records that could not be used. ``last_ends`` holds the epoch ms at which the last sample of
    each file ended, for those that have samples. ``before_fault`` are the samples of the last LAST_SECONDS whole
    seconds before the fault's start (``seconds_before_fault``); none without one.
    """

    overall: Group
    labels: Mapping[LabelKey, Group]
    other_labels: int
    phases: Mapping[PhaseName, Group]
    bucket_ms: int
    buckets: Mapping[int, Group]
    errors: Mapping[ErrorKind, int]
    other_errors: int
    skipped: int
    last_ends: Sequence[int]
    before_fault: Group
    set_up: Group | None
    tear_down: Group | None
    untold: int
    groups_known: bool


class SampleReader(Protocol):
    """Reads a run's result files, one from each engine, and counts all their samples as the plan asks.

    A file is given in chunks of any size; files are taken one after the other, each read to its end before the next is
    asked for. Raises UnreadableResults when a file is of a kind that cannot be read at all.
    """

    def __call__(self, files: Iterable[Iterable[bytes]], plan: AnalysisPlan) -> CountedSamples: ...


def no_samples(like: Group) -> Group:
    """An empty group that knows the same columns as another."""

    def zero(value: int | None) -> int | None:
        return None if value is None else 0

    return Group(0, zero(like.errors), zero(like.received_bytes), zero(like.sent_bytes), None, None, None, 0, (), ())


def epoch_ms(moment: datetime) -> int:
    """The first whole epoch ms that is not before an aware moment: samples are stamped in whole ms."""
    return -(-((moment - EPOCH) // timedelta(microseconds=1)) // 1000)


def seconds_before_fault(plan: AnalysisPlan) -> range:
    """The epoch ms of the last LAST_SECONDS whole seconds of the clock before the fault's start; empty without one."""
    if plan.fault_start is None:
        return range(0)
    end = epoch_ms(plan.fault_start) // 1000 * 1000
    return range(end - LAST_SECONDS * 1000, end)


def moment(ms: int) -> datetime:
    """Epoch ms as a UTC datetime."""
    return EPOCH + timedelta(milliseconds=ms)
