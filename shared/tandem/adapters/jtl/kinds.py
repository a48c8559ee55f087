"""The distinct labels and kinds of error of a file, numbered as they are first met, up to a bound."""

from tandem.domain.samples import MAX_DISTINCT_ERRORS, MAX_LABELS, ErrorKind, LabelKey

OTHER_LABEL, NO_LABEL_OF_LOAD = -1, -2
"""Numbers of labels: of one after MAX_LABELS others, and of one that is no label of the load."""


class Labels:
    """Numbers labels from 0; a label after MAX_LABELS others is OTHER_LABEL."""

    def __init__(self) -> None:
        self._ids: dict[LabelKey, int] = {}

    def id_of(self, key: LabelKey) -> int:
        known = self._ids.get(key, -1)
        if known < 0 and len(self._ids) < MAX_LABELS:
            known = self._ids[key] = len(self._ids)
        return known

    def keys(self) -> list[LabelKey]:
        """All labels, each at the place of its number."""
        return list(self._ids)


class ErrorKinds:
    """Numbers kinds of error from 0 and counts them; kinds after MAX_DISTINCT_ERRORS others share the number -1."""

    def __init__(self) -> None:
        self._ids: dict[ErrorKind, int] = {}
        self._counts: list[int] = []
        self.others = 0

    def id_of(self, kind: ErrorKind) -> int:
        known = self._ids.get(kind, -1)
        if known < 0 and len(self._ids) < MAX_DISTINCT_ERRORS:
            known = self._ids[kind] = len(self._ids)
            self._counts.append(0)
        return known

    def add(self, kind: ErrorKind, count: int) -> None:
        self.add_to(self.id_of(kind), count)

    def add_to(self, number: int, count: int) -> None:
        if number < 0:
            self.others += count
        else:
            self._counts[number] += count

    def counts(self) -> dict[ErrorKind, int]:
        return dict(zip(self._ids, self._counts, strict=True))
