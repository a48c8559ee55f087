"""Gives equal texts in many rows the same number, without making a Python object for each row."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MAX_KNOWN = 4096
_MAX_WORDS = 32
_LENGTHS = 8 * _MAX_WORDS + 1
_WITHIN = np.array(
    [[2 ** (8 * min(max(length - 8 * word, 0), 8)) - 1 for length in range(_LENGTHS)] for word in range(_MAX_WORDS)],
    np.uint64,
)
"""Which bits of each word of a text hold the text, by its length."""

_FACTOR = 0x9E3779B97F4A7C15
_FACTORS = np.array([pow(_FACTOR, 2 * word + 1, 1 << 64) for word in range(_MAX_WORDS + 1)], np.uint64)
_SLOT_BITS = 14
_SLOT_SHIFT = np.uint64(64 - _SLOT_BITS)


@dataclass(frozen=True, slots=True)
class Fields:
    """The texts to number: in each row the fields between the given borders of ``data``, and a mark.

    ``words[i]`` are the eight bytes of ``data`` from i on.
    """

    data: bytes
    words: NDArray[np.uint64]
    borders: list[tuple[NDArray[np.int64], NDArray[np.int64]]]
    marks: NDArray[np.int64] | None


class Interner:
    """Remembers up to _MAX_KNOWN texts by a hash; equality is always checked on the text itself.

    Most are found at the place in ``_slots`` that the first bits of their hash name. Of texts with the same place one
    is found there, the others by a search among all hashes.
    """

    def __init__(self) -> None:
        self._hashes = np.empty(0, np.uint64)
        self._ids = np.empty(0, np.int64)
        self._texts: list[NDArray[np.uint64]] = []
        self._slots = np.zeros(1 << _SLOT_BITS, np.int64)

    def ids(self, fields: Fields, id_of: Callable[[int], int]) -> NDArray[np.int64]:
        """A number for each row; ``id_of(row)`` is asked once for each text not remembered, in order of appearance."""
        lengths = [end - start for start, end in fields.borders]
        longest = [int(length.max()) for length in lengths]
        if sum(-(-length // 8) for length in longest) > _MAX_WORDS:
            return _ids_by_slices(fields, id_of)
        text = _words_of(fields, lengths, longest)
        hashes = _hashes_of(text)
        if not len(self._hashes):
            numbers = np.empty(len(hashes), np.int64)
            missed = np.arange(len(hashes))
        else:
            place = self._slots[(hashes >> _SLOT_SHIFT).view(np.int64)]
            numbers = self._ids[place]
            missed = np.flatnonzero(~self._are_at(place, text))
            if len(missed):
                text, hashes = [words[missed] for words in text], hashes[missed]
                place = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
                known = self._are_at(place, text)
                numbers[missed[known]] = self._ids[place[known]]
                unknown = np.flatnonzero(~known)
                text, hashes, missed = [words[unknown] for words in text], hashes[unknown], missed[unknown]
        while len(missed):
            _, first, group = np.unique(hashes, return_index=True, return_inverse=True)
            fresh = np.empty(len(first), np.int64)
            for position in np.argsort(first, kind="stable").tolist():
                fresh[position] = id_of(int(missed[first[position]]))
            same = np.ones(len(missed), np.bool_)
            for words in text:
                same &= words == words[first][group]
            numbers[missed[same]] = fresh[group[same]]
            self._remember(hashes[first], fresh, [words[first] for words in text])
            others = np.flatnonzero(~same)
            text, hashes, missed = [words[others] for words in text], hashes[others], missed[others]
        return numbers

    def _are_at(self, place: NDArray[np.int64], text: list[NDArray[np.uint64]]) -> NDArray[np.bool_]:
        """Whether each row's text is the one that is remembered at its place."""
        same = np.ones(len(place), np.bool_)
        for known, words in zip(self._texts, text, strict=False):
            same &= known[place] == words
        for words in text[len(self._texts) :]:
            same &= words == 0
        for known in self._texts[len(text) :]:
            same &= known[place] == 0
        return same

    def _remember(self, hashes: NDArray[np.uint64], ids: NDArray[np.int64], text: list[NDArray[np.uint64]]) -> None:
        new = ~np.isin(hashes, self._hashes)
        new[max(0, _MAX_KNOWN - len(self._hashes)) :] = False
        old, fresh = len(self._hashes), int(np.count_nonzero(new))
        if not fresh:
            return
        order = np.argsort(np.concatenate([self._hashes, hashes[new]]), kind="stable")
        columns = []
        for column in range(max(len(text), len(self._texts))):
            words = np.zeros(old + fresh, np.uint64)
            if column < len(self._texts):
                words[:old] = self._texts[column]
            if column < len(text):
                words[old:] = text[column][new]
            columns.append(words[order])
        self._texts = columns
        self._hashes = np.concatenate([self._hashes, hashes[new]])[order]
        self._ids = np.concatenate([self._ids, ids[new]])[order]
        self._slots[(self._hashes >> _SLOT_SHIFT).view(np.int64)] = np.arange(old + fresh)


def _words_of(fields: Fields, lengths: list[NDArray[np.int64]], longest: list[int]) -> list[NDArray[np.uint64]]:
    """Each row's texts as words: one for the lengths and the mark, then eight bytes each, zero beyond the end.

    The longest field of the piece decides how many words a field gets. With one field that changes only the zeros at
    the end; with several it moves the fields behind, so then the first word tells that too.
    """
    tag = lengths[0] if fields.marks is None else fields.marks * _LENGTHS + lengths[0]
    for place, (length, most) in enumerate(zip(lengths, longest, strict=True)):
        if place:
            tag = tag * _LENGTHS + length
        if len(lengths) > 1:
            tag = tag * (_MAX_WORDS + 1) + -(-most // 8)
    text = [tag.view(np.uint64)]
    last = len(fields.words) - 1
    for (start, _), length, most in zip(fields.borders, lengths, longest, strict=True):
        for offset in range(0, most, 8):
            # A row whose text has ended loads any word, which the mask then empties.
            place_of = np.minimum(start + offset, last) if offset else start
            words = fields.words[place_of]
            words &= _WITHIN[offset // 8][length]
            text.append(words)
    return text


def _hashes_of(text: list[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """A hash of each row's words to which words of zeros at the end add nothing; its first bits tell most."""
    total: NDArray[np.uint64] = text[0] * _FACTORS[0]
    for words, factor in zip(text[1:], _FACTORS[1:], strict=False):
        total += words * factor
    return total


def _ids_by_slices(fields: Fields, id_of: Callable[[int], int]) -> NDArray[np.int64]:
    known: dict[tuple[bytes | int, ...], int] = {}
    marks = [0] * len(fields.borders[0][0]) if fields.marks is None else fields.marks.tolist()
    borders = [zip(start.tolist(), end.tolist(), strict=True) for start, end in fields.borders]
    numbers = []
    for row, (mark, *places) in enumerate(zip(marks, *borders, strict=True)):
        key = (mark, *(fields.data[start:end] for start, end in places))
        number = known.get(key)
        if number is None:
            number = known[key] = id_of(row)
        numbers.append(number)
    return np.array(numbers, np.int64)
