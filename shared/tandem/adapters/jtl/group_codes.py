"""Which kind of thread group each row of a table comes from, told by its thread's name without looking at each name.

Of few threads each distinct name is looked at once. Where there are many (an open model makes one for each arrival)
only the distinct beginnings up to ``<group number>-<thread number>`` are, of which there are as many as groups.
"""

import numpy as np
from tandem_samples import GroupKind, SortedSample, ThreadGroups

from tandem.adapters.jtl.column_table import Flags, Integers, Table
from tandem.adapters.jtl.interner import Fields, Interner
from tandem.adapters.jtl.layout import Layout
from tandem.adapters.jtl.values import decoded

UNTOLD = 3
GROUP_CODES = (GroupKind.MAIN, GroupKind.SETUP, GroupKind.TEARDOWN, GroupKind.MAIN)
"""The kind of group by its code; UNTOLD is one of a thread that fits no group of the plan."""

_ZERO, _NINE, _DASH, _SPACE, _QUOTE = (ord(sign) for sign in '09- "')
_MAIN_CODES = np.array([kind is GroupKind.MAIN for kind in GROUP_CODES], np.bool_)
_FEW_THREADS = 1000
_LONGEST_NUMBERS = 2 * 10 + 2  # the space, two numbers of at most ten digits and a dash


def code_of(sample: SortedSample) -> int:
    """The code of a row that was sorted by itself."""
    return GROUP_CODES.index(sample.group) if sample.matched else UNTOLD


def is_main(codes: Integers) -> Flags:
    """Which rows are of main groups, or of none that is known."""
    found: Flags = _MAIN_CODES[codes]
    return found


class GroupTeller:
    """Tells the groups of one file's rows."""

    def __init__(self, groups: ThreadGroups) -> None:
        self._groups = groups
        self._threads, self._names = Interner(), Interner()
        self._threads_met = 0

    def codes(self, table: Table, layout: Layout) -> Integers | None:
        """The code of each row; None when all are of main groups, and without groups or names of threads."""
        column = layout.thread_name
        if not self._groups.known or column is None:
            return None
        start, end = table.field(column)
        if self._threads_met <= _FEW_THREADS:
            codes = self._threads.ids(
                Fields(table.data, table.words, [(start, end)], None), lambda row: self._code(table, column, row)
            )
        else:
            codes = np.full(len(start), UNTOLD, np.int64)
            quoted = table.codes[start] == _QUOTE
            name_end = _without_numbers(table, start + quoted, end - quoted)
            told = np.flatnonzero(name_end >= 0)
            if len(told):
                names = Fields(table.data, table.words, [(start[told], name_end[told])], None)
                codes[told] = self._names.ids(names, lambda place: self._code(table, column, int(told[place])))
        return codes if codes.any() else None

    def _code(self, table: Table, column: int, row: int) -> int:
        self._threads_met += 1
        kind, matched = self._groups.kind_of(decoded(table.text(column, row)))
        return GROUP_CODES.index(kind) if matched else UNTOLD


def _without_numbers(table: Table, start: Integers, end: Integers) -> Integers:
    """Where each name ends before `` <group number>-<thread number>``; -1 for one that does not end so."""
    found = np.full(len(end), -1, np.int64)
    rows = np.arange(len(end))
    place, digits = end - 1, np.zeros(len(end), np.int64)
    dashed = np.zeros(len(end), np.bool_)
    for _ in range(_LONGEST_NUMBERS):
        byte = table.codes[place]
        is_digit = (byte >= _ZERO) & (byte <= _NINE)
        begins = (byte == _SPACE) & dashed & (digits > 0)
        found[rows[begins]] = place[begins]
        dash = (byte == _DASH) & ~dashed & (digits > 0)
        goes_on = ((is_digit & (digits < 10)) | dash) & (place > start)
        if not goes_on.any():
            break
        rows, start, place = rows[goes_on], start[goes_on], place[goes_on] - 1
        dashed = (dashed | dash)[goes_on]
        digits = np.where(dash, 0, digits + 1)[goes_on]
    return found
