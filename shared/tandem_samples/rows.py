"""Which rows of a result file are requests: neither a transaction's own row nor a part of another row.

JMeter writes a sample's row and then the rows of its sub-results (redirects, embedded resources), each named
``<label>-<n>`` with n from 0 unless ``subresults.disable_renaming`` is set (SampleResult.storeSubResult). A Transaction
Controller with "Generate parent sample" writes its own row first and then its requests under their own names: these are
requests (TransactionSampler.addSubSamplerResult does not rename them).
"""

import re
from enum import StrEnum
from typing import Final, NamedTuple

from tandem_samples.groups import GroupKind, ThreadGroups

TRANSACTION_MESSAGE: Final = "Number of samples in transaction"
"""How the message of a Transaction Controller's row begins; JMeter's dashboard tells these rows by the same text
(org.apache.jmeter.control.TransactionController, org.apache.jmeter.report.core.Sample)."""

_MAX_THREADS: Final = 10_000
_MAX_TRANSACTIONS: Final = 10_000
_NUMBERED: Final = re.compile(r"(.*)-(0|[1-9][0-9]{0,5})", re.DOTALL)


class SampleKind(StrEnum):
    REQUEST = "REQUEST"
    TRANSACTION = "TRANSACTION"
    SUB_RESULT = "SUB_RESULT"


class SortedSample(NamedTuple):
    """What a row is, of which kind of group, and whether its thread's name fits a group of the plan at all."""

    kind: SampleKind
    group: GroupKind
    matched: bool

    @property
    def is_load(self) -> bool:
        """Whether the row counts as load: a request of a main group, or of a thread that cannot be told."""
        return self.kind is SampleKind.REQUEST and self.group is GroupKind.MAIN


class _Parent:
    """The request that a thread sent last: what may be its sub-result is named and timed by it."""

    __slots__ = ("end", "label", "next_number", "start")

    def __init__(self, label: str, start: int, end: int) -> None:
        self.label, self.start, self.end, self.next_number = label, start, end, 0


class SampleSorter:
    """Sorts the rows of one result file, which it must be given in the file's order.

    - **Transaction**: the message begins with TRANSACTION_MESSAGE. The end of a test cuts the row of a Transaction
      Controller with "Generate parent sample" short, and its message is empty then: such a row is a transaction when
      its label was one before.
    - **Sub-result**: the label is ``<label>-<n>`` of the request before it in the same thread, n counts on from 0, and
      the row lies within that request's time. Without thread names, and by other names
      (``subresults.disable_renaming``, parts of parts), they cannot be told from requests: these rows are requests.
    - Everything else is a request.
    """

    def __init__(self, groups: ThreadGroups) -> None:
        self._groups = groups
        self._parents: dict[str, _Parent] = {}
        self._transactions: set[str] = set()

    def sort(self, label: str, message: str, thread_name: str, start: int, elapsed: int) -> SortedSample:
        """Sort one row; ``start`` is epoch ms, ``elapsed`` ms. What the file has no column for is ''."""
        group, matched = self._groups.kind_of(thread_name)
        return SortedSample(self._kind(label, message, thread_name, start, start + elapsed), group, matched)

    def _kind(self, label: str, message: str, thread: str, start: int, end: int) -> SampleKind:
        if message.startswith(TRANSACTION_MESSAGE):
            if len(self._transactions) < _MAX_TRANSACTIONS:
                self._transactions.add(label)
            return SampleKind.TRANSACTION
        if not message and label in self._transactions:
            return SampleKind.TRANSACTION
        if self._is_part(label, thread, start, end):
            return SampleKind.SUB_RESULT
        if thread not in self._parents and len(self._parents) >= _MAX_THREADS:
            del self._parents[next(iter(self._parents))]
        self._parents[thread] = _Parent(label, start, end)
        return SampleKind.REQUEST

    def _is_part(self, label: str, thread: str, start: int, end: int) -> bool:
        parent = self._parents.get(thread) if thread else None
        if parent is None or len(label) < len(parent.label) + 2 or not label.startswith(parent.label):
            return False
        named = _NUMBERED.fullmatch(label)
        if named is None or named[1] != parent.label or int(named[2]) != parent.next_number:
            return False
        if start < parent.start or end > parent.end:
            return False
        parent.next_number += 1
        return True
