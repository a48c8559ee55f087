"""Cuts short, as it goes by, a record that is too long to be held: a message can be as long as a response is.

Of each field its first KEPT_BYTES are kept, which is more than any figure needs; the record is then read as any other.
"""

import re

from tandem.adapters.jtl.layout import Layout

KEPT_BYTES = 8192
# Written so, not as (?:[^"]++|"")*+, which is four times as slow where quotes are many.
_QUOTED_TEXT = re.compile(b'[^"]*+(?:""[^"]*+)*+')
_QUOTE, _NEWLINE, _RETURN = b'"\n\r'


class LongRecord:
    """Takes the bytes of a file from the start of a record on.

    A quoted field may hold line ends. When one of its lines begins as a record does, the quote was opened by damage:
    then what was taken so far is given up and reading goes on with that line; ``skipped`` is 1 then.
    """

    def __init__(self, layout: Layout) -> None:
        delimiter = layout.delimiter.encode("latin-1")
        self._delimiter = delimiter[0]
        self._border = re.compile(b"[" + re.escape(delimiter) + b"\n]")
        self._record = re.compile(b"\n" + start_of_a_record(layout))
        self._kept = bytearray()
        self._room = KEPT_BYTES
        self._begins = True
        self._quoted = False
        self._met_quote = False
        self._damaged = False
        self.skipped = 0

    def feed(self, data: bytes) -> bytes | None:
        """The record cut short, and what follows it in ``data``; None while it goes on."""
        place = 0
        while place < len(data):
            if self._damaged:
                end = data.find(b"\n", place)
                return None if end < 0 else self._given_up(data[end + 1 :])
            if self._met_quote:
                place = self._after_quote(data, place)
            elif self._quoted:
                end = _end_within_quotes(data, place, len(data))
                again = self._record.search(data, place, end)
                if again is not None:
                    return self._given_up(data[again.start() + 1 :])
                self._keep(data[place : _end_within_quotes(data, place, min(end, place + self._room))])
                self._met_quote = end < len(data)
                place = end + 1
            elif self._begins and data[place] == _QUOTE:
                self._kept.append(_QUOTE)
                self._begins, self._quoted = False, True
                place += 1
            else:
                border = self._border.search(data, place)
                end = len(data) if border is None else border.start()
                self._keep(data[place : min(end, place + self._room)])
                self._begins = self._begins and end == place
                if border is not None and data[end] == _NEWLINE:
                    return b"".join((self._kept, data[end:]))
                if border is not None:
                    self._kept.append(self._delimiter)
                    self._begins, self._room = True, KEPT_BYTES
                place = end + 1
        return None

    def _after_quote(self, data: bytes, place: int) -> int:
        self._met_quote = False
        if data[place] == _QUOTE:
            if self._room >= 2:
                self._kept += b'""'
                self._room -= 2
            return place + 1
        self._kept.append(_QUOTE)
        self._quoted = False
        self._damaged = data[place] not in (self._delimiter, _NEWLINE, _RETURN)
        return place

    def _keep(self, kept: bytes) -> None:
        self._kept += kept
        self._room -= len(kept)

    def _given_up(self, rest: bytes) -> bytes:
        self.skipped = 1
        return rest


def _end_within_quotes(data: bytes, place: int, limit: int) -> int:
    """Where the text that stands in quotes from ``place`` on stops: at its last quote, or at the limit."""
    text = _QUOTED_TEXT.match(data, place, limit)
    return place if text is None else text.end()


def start_of_a_record(layout: Layout) -> bytes:
    """What the columns up to timeStamp and elapsed look like, as a regular expression."""
    delimiter = layout.delimiter.encode("latin-1")
    numbers = {layout.time_stamp: rb"[0-9]{10,15}", layout.elapsed: rb"[0-9]{1,9}"}
    other = b'[^"\n' + re.escape(delimiter) + b"]*"
    columns = [numbers.get(column, other) for column in range(max(numbers) + 1)]
    return re.escape(delimiter).join(columns) + b"(?:" + re.escape(delimiter) + b"|\r?\n)"
