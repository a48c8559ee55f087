"""A CSV record of any length taken apart while it is read: its long texts are cut, its figures are kept."""

import re
from enum import Enum
from typing import Final

LONGEST_TEXT: Final = 4096
"""Bytes that are kept of a field."""

_QUOTED: Final = re.compile(rb'(?:[^"]++|"")*+')
_PLAIN: Final = re.compile(rb'[^",\n]*+')


class _State(Enum):
    PLAIN = "PLAIN"
    QUOTED = "QUOTED"
    QUOTE_SEEN = "QUOTE_SEEN"  # in a quoted field; what follows says whether it ends the quotes or is a quote itself


class LongRecord:
    """One record, fed in pieces of any size, that holds no more of each field than ``LONGEST_TEXT`` bytes."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes taken so far."""
        self._fields = [bytearray()]
        self._state = _State.PLAIN

    def feed(self, piece: bytes) -> int | None:
        """Take what of a piece belongs to the record; its length, when the record ends in it, else None."""
        place = 0
        while place < len(piece):
            if self._state is _State.QUOTE_SEEN:
                if piece[place] == ord('"'):
                    self._keep(b'""')
                    place += 1
                    self._state = _State.QUOTED
                else:
                    self._state = _State.PLAIN
                continue
            found = (_QUOTED if self._state is _State.QUOTED else _PLAIN).match(piece, place)
            end = len(piece) if found is None else found.end()
            self._keep(piece[place : min(end, place + LONGEST_TEXT)])
            place = end
            if place == len(piece):
                break
            place += 1
            if self._state is _State.QUOTED:
                self._state = _State.QUOTE_SEEN
            elif piece[place - 1] == ord('"'):
                self._state = _State.QUOTED
            elif piece[place - 1] == ord(","):
                self._fields.append(bytearray())
            else:
                self.size += place
                return place
        self.size += place
        return None

    def row(self) -> list[str]:
        """The fields, as ``csv`` would tell them, long ones cut."""
        return [
            bytes(field).replace(b'""', b'"').decode("utf-8", errors="replace").rstrip("\r") for field in self._fields
        ]

    def _keep(self, text: bytes) -> None:
        field = self._fields[-1]
        if (room := LONGEST_TEXT - len(field)) > 0:
            field += text[:room]
