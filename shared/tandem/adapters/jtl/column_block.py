"""Turns the columns of a piece of a JTL into samples by numpy: the fast way of reading.

It takes only what it can prove to read as the csv module does, and answers None for the rest: then the caller reads the
same piece by ``rows.parse_rows``. Words of eight bytes are compared at once.
"""

from typing import NamedTuple

import numpy as np
from tandem_samples import TRANSACTION_MESSAGE, GroupKind, SampleKind, SampleSorter

from tandem.adapters.jtl.column_table import PADDING, Flags, Integers, Table, numbers, split_table
from tandem.adapters.jtl.group_codes import GROUP_CODES, GroupTeller, code_of, is_main
from tandem.adapters.jtl.interner import Fields, Interner
from tandem.adapters.jtl.kinds import NO_LABEL_OF_LOAD, ErrorKinds, Labels
from tandem.adapters.jtl.layout import Layout
from tandem.adapters.jtl.long_record import KEPT_BYTES
from tandem.adapters.jtl.rows import Row, RowBlock
from tandem.adapters.jtl.values import (
    MAX_BYTES_DIGITS,
    MAX_ELAPSED_DIGITS,
    MAX_STAMP_DIGITS,
    MAX_THREADS_DIGITS,
    error_kind,
    label_text,
)
from tandem.domain.samples import LabelKey

_QUOTE = ord('"')
_TRUE, _FALSE = np.uint32(int.from_bytes(b"true", "little")), np.uint64(int.from_bytes(b"false", "little"))
_LOWER_FOUR, _LOWER_FIVE = np.uint32(0x20202020), np.uint64(0x2020202020)
_LAST_BYTE = np.uint64(255)
_FIVE_BYTES = np.uint64(2**40 - 1)
_TRANSACTION_WORDS = np.frombuffer(TRANSACTION_MESSAGE.encode(), "<u8")
_TRANSACTION_BYTE = ord(TRANSACTION_MESSAGE[0])


class ColumnBlock(NamedTuple):
    """Samples as columns; ``label`` holds numbers of Labels. What the file has no column for is None.

    ``no_request`` marks the rows of Transaction Controllers and sub-results; None when there are none. ``group`` holds
    the places of kinds of groups in GROUP_CODES, UNTOLD for a thread that fits none; None when all are of main groups.
    """

    start: Integers
    elapsed: Integers
    label: Integers | None
    no_request: Flags | None
    group: Integers | None
    failed: Flags | None
    received: Integers | None
    sent: Integers | None
    threads: Integers | None

    @classmethod
    def empty(cls) -> "ColumnBlock":
        """Without samples."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), *[None] * 7)


class Found:
    """What the files of a run hold: labels, kinds of error, kinds of rows."""

    def __init__(self, sorter: SampleSorter) -> None:
        self.labels = Labels()
        self.errors = ErrorKinds()
        self.sorter = sorter
        self.begin_file()

    def begin_file(self) -> None:
        self.sorter.begin_file()
        # What they remember is told by the columns of one file.
        self.label_interner, self.error_interner = Interner(), Interner()
        self.groups = GroupTeller(self.sorter.groups)


class _ReadAsRows(Exception):
    """What a row is depends on the rows before it."""


def split_columns(data: bytes, layout: Layout, found: Found) -> tuple[ColumnBlock, int] | None:
    """The samples in ``data`` (between its PADDING), and how many bytes were whole records; None: read it as rows.

    ``found`` is told of labels up to the first that asks for reading by rows, of errors only when all could be read.
    """
    table = split_table(data, layout)
    if table is None:
        return None
    if not len(table.ends):
        return ColumnBlock.empty(), 0
    stamps = numbers(table, layout.time_stamp, MAX_STAMP_DIGITS)
    elapsed = numbers(table, layout.elapsed, MAX_ELAPSED_DIGITS)
    if stamps is None or elapsed is None:
        return None
    counts: list[Integers | None] = []
    for column, digits in (
        (layout.received, MAX_BYTES_DIGITS),
        (layout.sent, MAX_BYTES_DIGITS),
        (layout.threads, MAX_THREADS_DIGITS),
    ):
        count = None if column is None else numbers(table, column, digits)
        if column is not None and count is None:
            return None
        counts.append(count)
    failed = None
    if layout.success is not None:
        failed = _failed(table, layout.success)
        if failed is None:
            return None
    transaction = None if layout.message is None else _transactions(table, layout.message)
    group = found.groups.codes(table, layout)
    try:
        label = _label_ids(table, layout, transaction, group, found)
    except _ReadAsRows:
        return None
    block = ColumnBlock(stamps, elapsed, label, transaction, group, failed, *counts)
    if failed is not None:
        if transaction is not None:
            failed = failed & ~transaction
        _count_errors(table, layout, failed if group is None else failed & is_main(group), found)
    return block, int(table.ends[-1, -1]) + 1 - len(PADDING)


def block_of_rows(block: RowBlock, layout: Layout, found: Found) -> ColumnBlock:
    """Rows that the csv module read, as columns."""
    rows = block.rows
    for row in rows:
        if row.error is not None and row.sorted.is_load:
            found.errors.add(row.error, 1)

    def label_id(row: Row) -> int:
        if row.label is None or row.sorted.group is not GroupKind.MAIN:
            return NO_LABEL_OF_LOAD
        return found.labels.id_of(row.label)

    def integers(values: list[int | None]) -> Integers:
        return np.array(values, np.int64)

    no_request = np.array([row.sorted.kind is not SampleKind.REQUEST for row in rows], np.bool_)
    group = np.array([code_of(row.sorted) for row in rows], np.int64)
    return ColumnBlock(
        start=np.array([row.start for row in rows], np.int64),
        elapsed=np.array([row.elapsed for row in rows], np.int64),
        label=None if layout.label is None else np.array([label_id(row) for row in rows], np.int64),
        no_request=no_request if no_request.any() else None,
        group=group if group.any() else None,
        failed=None if layout.success is None else np.array([row.failed for row in rows], np.bool_),
        received=None if layout.received is None else integers([row.received for row in rows]),
        sent=None if layout.sent is None else integers([row.sent for row in rows]),
        threads=None if layout.threads is None else integers([row.threads for row in rows]),
    )


def _failed(table: Table, column: int) -> Flags | None:
    start, end = table.field(column)
    width = end - start
    failed: Flags = ((table.half_words[start] | _LOWER_FOUR) != _TRUE) | (width != 4)
    rows = np.flatnonzero(failed)
    words = (table.words[start[rows]] & _FIVE_BYTES) | _LOWER_FIVE
    return failed if ((words == _FALSE) & (width[rows] == 5)).all() else None


def _transactions(table: Table, column: int) -> Flags | None:
    start, _ = table.field(column)
    first = table.codes[start]
    rows = np.flatnonzero((first == _TRANSACTION_BYTE) | (first == _QUOTE))
    begin = start[rows] + (first[rows] == _QUOTE)
    for word, text in enumerate(_TRANSACTION_WORDS):
        same = table.words[np.minimum(begin + 8 * word, len(table.words) - 1)] == text
        rows, begin = rows[same], begin[same]
    if not len(rows):
        return None
    found = np.zeros(len(start), np.bool_)
    found[rows] = True
    return found


def _label_ids(
    table: Table, layout: Layout, transaction: Flags | None, group: Integers | None, found: Found
) -> Integers | None:
    column = layout.label
    if column is None:
        return None
    sorter = found.sorter
    message = layout.message
    # Told to the sorter at the end: rows that are read one by one after all must not know what comes behind them.
    transactions = set[str]()

    def id_of(row: int) -> int:
        label = label_text(table.text(column, row))
        kind = GroupKind.MAIN if group is None else GROUP_CODES[group[row]]
        is_transaction = transaction is not None and bool(transaction[row])
        if is_transaction:
            transactions.add(label)
        else:
            was_transaction = label in transactions or sorter.was_transaction(label)
            is_cut = was_transaction and message is not None and not table.text(message, row)
            if is_cut or sorter.would_have_parts(label):
                raise _ReadAsRows
            sorter.saw_request(label, kind)
        return found.labels.id_of(LabelKey(label, is_transaction)) if kind is GroupKind.MAIN else NO_LABEL_OF_LOAD

    marks = None if transaction is None else transaction.astype(np.int64)
    if group is not None:
        marks = 2 * group if marks is None else 2 * group + marks
    ids = found.label_interner.ids(Fields(table.data, table.words, [table.field(column)], marks), id_of)
    if message is not None and (transactions or sorter.saw_transactions):
        empty = _empty(table, message)
        _refuse_cut_transactions(ids, empty if transaction is None else empty & ~transaction, transactions, found)
    for name in transactions:
        sorter.saw_transaction(name)
    return ids


def _refuse_cut_transactions(ids: Integers, without_message: Flags, transactions: set[str], found: Found) -> None:
    """Raise _ReadAsRows when rows without a message may be those of transactions that the test's end cut."""
    keys = found.labels.keys()
    for number in np.unique(ids[without_message]).tolist():
        if number < 0 or keys[number].label in transactions or found.sorter.was_transaction(keys[number].label):
            raise _ReadAsRows


def _empty(table: Table, column: int) -> Flags:
    start, end = table.field(column)
    quoted = (end - start == 2) & ((table.words[start] & _LAST_BYTE) == _QUOTE)
    empty: Flags = (end == start) | quoted
    return empty


def _count_errors(table: Table, layout: Layout, failed: Flags, found: Found) -> None:
    errors = found.errors
    rows = np.flatnonzero(failed)
    if not len(rows):
        return

    def id_of(position: int) -> int:
        row = int(rows[position])
        code, message, reason = (
            table.text(column, row, KEPT_BYTES) for column in (layout.code, layout.message, layout.failure_message)
        )
        return errors.id_of(error_kind(code, message, reason))

    columns = [c for c in (layout.code, layout.message, layout.failure_message) if c is not None]
    borders = [(start[rows], end[rows]) for start, end in map(table.field, columns)]
    if not borders:
        errors.add(error_kind("", "", ""), len(rows))
        return
    ids = found.error_interner.ids(Fields(table.data, table.words, borders, None), id_of)
    for number, count in enumerate(np.bincount(ids + 1).tolist(), -1):
        errors.add_to(number, count)
