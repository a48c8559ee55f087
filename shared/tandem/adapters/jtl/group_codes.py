"""Which kind of thread group each row of a table comes from, told by its thread's name without looking at each name.

All threads of a group share the name up to ``<group number>-<thread number>``: only these distinct beginnings are
looked at, of which there are as many as groups.
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
_LONGEST_NUMBERS = 2 * 10 + 2  # the space, two numbers of at most ten digits and a dash


def code_of(sample: SortedSample) -> int:
    """The code of a row that was sorted by itself."""
    return GROUP_CODES.index(sample.group) if sample.matched else UNTOLD


def is_main(codes: Integers) -> Flags:
    """Which rows are of main groups, or of none that is known."""
    found: Flags = codes % UNTOLD == 0
    return found


def group_codes(table: Table, layout: Layout, groups: ThreadGroups, interner: Interner) -> Integers | None:
    """The code of each row; None when all are of main groups, and without groups or names of threads."""
    column = layout.thread_name
    if not groups.known or column is None:
        return None
    start, end = table.field(column)
    quoted = table.codes[start] == _QUOTE
    name_end = _without_numbers(table, start + quoted, end - quoted)
    told = np.flatnonzero(name_end >= 0)

    def code(position: int) -> int:
        name = decoded(table.text(column, int(told[position])))
        kind, matched = groups.kind_of(name)
        return GROUP_CODES.index(kind) if matched else UNTOLD

    codes = np.full(len(start), UNTOLD, np.int64)
    if len(told):
        codes[told] = interner.ids(Fields(table.data, table.words, [(start[told], name_end[told])], None), code)
    return codes if codes.any() else None


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
