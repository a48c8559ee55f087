"""Gives equal texts in many rows the same number, without making a Python object for each row."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MAX_KNOWN = 4096
_MAX_WORDS = 32
_LENGTHS = 8 * _MAX_WORDS + 1
_BYTES_BELOW = np.array([2 ** (8 * width) - 1 for width in range(9)], np.uint64)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


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
    """Remembers up to _MAX_KNOWN texts by a hash; equality is always checked on the text itself."""

    def __init__(self) -> None:
        self._hashes = np.empty(0, np.uint64)
        self._ids = np.empty(0, np.int64)
        self._texts = np.empty((0, 0), np.uint64)

    def ids(self, fields: Fields, id_of: Callable[[int], int]) -> NDArray[np.int64]:
        """A number for each row; ``id_of(row)`` is asked once for each text not remembered, in order of appearance."""
        longest = [int((end - start).max()) for start, end in fields.borders]
        if sum(-(-length // 8) for length in longest) > _MAX_WORDS:
            return _ids_by_slices(fields, id_of)
        text = _words_of(fields, longest)
        hashes = _hashes_of(text)
        numbers = np.full(len(hashes), -1, np.int64)
        missed = np.arange(len(hashes))
        if len(self._hashes):
            place = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
            known = self._hashes[place] == hashes
            for column, words in enumerate(text):
                known &= (self._texts[place, column] if column < self._texts.shape[1] else np.uint64(0)) == words
            if len(text) < self._texts.shape[1]:
                known &= (self._texts[:, len(text) :] == 0).all(axis=1)[place]
            numbers[known] = self._ids[place[known]]
            missed = np.flatnonzero(~known)
        while len(missed):
            _, first, group = np.unique(hashes[missed], return_index=True, return_inverse=True)
            examples = missed[first]
            fresh = np.empty(len(examples), np.int64)
            for position in np.argsort(examples, kind="stable").tolist():
                fresh[position] = id_of(int(examples[position]))
            same = np.ones(len(missed), np.bool_)
            for words in text:
                same &= words[missed] == words[examples][group]
            numbers[missed[same]] = fresh[group[same]]
            self._remember(hashes[examples], fresh, [words[examples] for words in text])
            missed = missed[~same]
        return numbers

    def _remember(self, hashes: NDArray[np.uint64], ids: NDArray[np.int64], text: list[NDArray[np.uint64]]) -> None:
        new = ~np.isin(hashes, self._hashes)
        new[max(0, _MAX_KNOWN - len(self._hashes)) :] = False
        columns = max(len(text), self._texts.shape[1])
        texts = np.zeros((len(self._hashes) + int(new.sum()), columns), np.uint64)
        texts[: len(self._hashes), : self._texts.shape[1]] = self._texts
        for column, words in enumerate(text):
            texts[len(self._hashes) :, column] = words[new]
        order = np.argsort(np.concatenate([self._hashes, hashes[new]]), kind="stable")
        self._hashes = np.concatenate([self._hashes, hashes[new]])[order]
        self._ids = np.concatenate([self._ids, ids[new]])[order]
        self._texts = texts[order]


def _words_of(fields: Fields, longest: list[int]) -> list[NDArray[np.uint64]]:
    """Each row's texts as words: one for the lengths and the mark, then eight bytes each, zero beyond the end.

    The longest field of the piece decides how many words a field gets. With one field that changes only the zeros at
    the end; with several it moves the fields behind, so then the first word tells that too.
    """
    lengths = [end - start for start, end in fields.borders]
    tag = np.zeros(len(lengths[0]), np.int64) if fields.marks is None else fields.marks.copy()
    for length, most in zip(lengths, longest, strict=True):
        tag = tag * _LENGTHS + length
        if len(lengths) > 1:
            tag = tag * (_MAX_WORDS + 1) + -(-most // 8)
    text = [tag.view(np.uint64)]
    for (start, _), length, most in zip(fields.borders, lengths, longest, strict=True):
        for offset in range(0, most, 8):
            left = np.clip(length - offset, 0, 8)
            # A row whose text has ended loads its first word, which the mask then empties.
            place = np.where(left > 0, start + offset, start) if offset else start
            text.append(fields.words[place] & _BYTES_BELOW[left])
    return text


def _hashes_of(text: list[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """A hash of each row's words to which words of zeros at the end add nothing."""
    total = np.zeros_like(text[0])
    factor = _FACTOR
    with np.errstate(over="ignore"):
        for words in text:
            mixed = words * factor
            mixed ^= mixed >> _SHIFT
            total += mixed * _FACTOR
            factor = factor * _FACTOR + np.uint64(2)
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
