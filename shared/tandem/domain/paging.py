"""Pages of a list, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """``number`` counts from 1."""

    number: int = 1
    size: int = 20

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size


@dataclass(frozen=True, slots=True)
class Page(Generic[T_co]):
    """One page of ``total`` rows; a page beyond the last is empty."""

    request: PageRequest
    total: int
    items: Sequence[T_co]

    @property
    def pages(self) -> int:
        return -(-self.total // self.request.size)
