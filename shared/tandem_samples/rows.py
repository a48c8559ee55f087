"""Which rows of a result file are requests: neither a transaction's own row nor a part of another row.

JMeter writes a sample's row and then the rows of its sub-results (redirects, embedded resources, depth first), each
named ``<label>-<n>`` unless ``subresults.disable_renaming`` is set (SampleResult.storeSubResult,
CSVSaveService.saveSampleResult). A Transaction Controller with "Generate parent sample" writes its own row first and
then its requests under their own names: these are requests (TransactionSampler.addSubSamplerResult renames nothing).
"""

import re
from enum import StrEnum
from typing import Final, NamedTuple

from tandem_samples.groups import GroupKind, ThreadGroups

TRANSACTION_MESSAGE: Final = "Number of samples in transaction"
"""How the message of a Transaction Controller's row begins; JMeter's dashboard tells these rows by the same text
(org.apache.jmeter.control.TransactionController, org.apache.jmeter.report.core.Sample)."""

_MAX_THREADS: Final = 10_000
_MAX_LABELS: Final = 20_000
_NUMBERED: Final = re.compile(r"(.*)-(?:0|[1-9][0-9]{0,5})", re.DOTALL)


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


class _Parent(NamedTuple):
    """The request that a thread sent last: what may be its sub-result is named and timed by it."""

    label: str
    start: int
    end: int


class SampleSorter:
    """Sorts the rows of a run's result files, which it must be given in their order; ``begin_file`` between two.

    - **Transaction**: the message begins with TRANSACTION_MESSAGE. The end of a test cuts the row of a Transaction
      Controller with "Generate parent sample" short (JMeterThread.doEndTransactionSampler), and its message is empty
      then: such a row is a transaction when its label was one before.
    - **Sub-result**: the label is ``<label>-<n>`` of the request before it in the same thread, and the row lies within
      that request's time. Parts of parts carry no thread counts, and sometimes no thread's name: a row with
      ``allThreads`` 0 is a sub-result when its label is ``<label>-<n>`` of any request before it. Everything else by
      which sub-results could be named (``subresults.disable_renaming``, no thread names, labels changed by a script)
      cannot be told from requests: such rows are requests.
    - Everything else is a request.
    """

    def __init__(self, groups: ThreadGroups) -> None:
        self.groups = groups
        self._parents: dict[str, _Parent] = {}
        # In the order in which they were met.
        self._transactions: dict[str, None] = {}
        self._requests: dict[str, GroupKind] = {}
        self._numbered_of: set[str] = set()
        self.may_have_parts = False
        """Whether two requests so far are named so that rows of one may be sub-results of the other."""

    def begin_file(self) -> None:
        """What follows is of another file: its threads are others, also by the same names."""
        self._parents.clear()

    def sort(
        self,
        label: str,
        message: str | None,
        thread_name: str,
        start: int,
        elapsed: int,
        all_threads: int | None = None,
    ) -> SortedSample:
        """Sort one row; ``start`` is epoch ms, ``elapsed`` ms.

        Of what the file has no column for ``message`` and ``all_threads`` are None, the other texts are ''.
        """
        group, matched = self.groups.kind_of(thread_name)
        if message is not None and message.startswith(TRANSACTION_MESSAGE):
            self.saw_transaction(label)
            return SortedSample(SampleKind.TRANSACTION, group, matched)
        if message == "" and self.was_transaction(label):
            return SortedSample(SampleKind.TRANSACTION, group, matched)
        end = start + elapsed
        whole = self._whole_of(label)
        if whole is not None and self._is_part(whole, thread_name, start, end):
            return SortedSample(SampleKind.SUB_RESULT, group, matched)
        if whole is not None and all_threads == 0 and whole in self._requests:
            return SortedSample(SampleKind.SUB_RESULT, group if thread_name else self._requests[whole], matched)
        if thread_name:
            if thread_name not in self._parents and len(self._parents) >= _MAX_THREADS:
                del self._parents[next(iter(self._parents))]
            self._parents[thread_name] = _Parent(label, start, end)
        self.saw_request(label, group)
        return SortedSample(SampleKind.REQUEST, group, matched)

    def was_transaction(self, label: str) -> bool:
        """Whether a row of this label was a transaction's: one without a message is one that was cut."""
        return label in self._transactions

    @property
    def saw_transactions(self) -> bool:
        return bool(self._transactions)

    @property
    def transactions_met(self) -> int:
        """How many labels of transactions are known, for ``forget_transactions``."""
        return len(self._transactions)

    def forget_transactions(self, met: int) -> None:
        """Know as many as were met when ``transactions_met`` was asked: what was read behind is read again."""
        for label in list(self._transactions)[met:]:
            del self._transactions[label]

    def saw_transaction(self, label: str) -> None:
        """Remember a transaction's label; for a reader that sorts rows of a kind together."""
        if len(self._transactions) < _MAX_LABELS:
            self._transactions.setdefault(label)

    def would_have_parts(self, label: str) -> bool:
        """Whether a request of this label makes that rows must be sorted one by one (``may_have_parts``)."""
        return self.may_have_parts or label in self._numbered_of or self._whole_of(label) in self._requests

    def saw_request(self, label: str, group: GroupKind) -> None:
        """Remember a request's label; for a reader that sorts rows of a kind together."""
        if label in self._requests or len(self._requests) >= _MAX_LABELS:
            return
        self.may_have_parts = self.would_have_parts(label)
        self._requests[label] = group
        whole = self._whole_of(label)
        if whole is not None:
            self._numbered_of.add(whole)

    @staticmethod
    def _whole_of(label: str) -> str | None:
        """The label of which this one may be a part."""
        if not label or not label[-1].isdigit():
            return None
        named = _NUMBERED.fullmatch(label)
        return None if named is None else named[1]

    def _is_part(self, whole: str, thread: str, start: int, end: int) -> bool:
        parent = self._parents.get(thread)
        return parent is not None and parent.label == whole and parent.start <= start and end <= parent.end
