"""What a bench says: a table of figures, and each claim beside its target. All benches print through this."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


class Bound(enum.Enum):
    """On which side of its target a figure has to be."""

    AT_MOST = "at most"
    AT_LEAST = "at least"
    EXACTLY = "exactly"


@dataclass(frozen=True, slots=True)
class Claim:
    """One figure with a target; ``unit`` is written behind both. ``value`` is None when it could not be measured."""

    what: str
    value: float | None
    bound: Bound
    target: float
    unit: str = ""

    @property
    def met(self) -> bool:
        if self.value is None:
            return False
        if self.bound is Bound.EXACTLY:
            return self.value == self.target
        return self.value <= self.target if self.bound is Bound.AT_MOST else self.value >= self.target


@dataclass(slots=True)
class Table:
    """Rows under columns; cells are shown as they are, figures through ``number``."""

    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)

    def add(self, *cells: str) -> None:
        if len(cells) != len(self.columns):
            raise ValueError(f"{len(cells)} cells for {len(self.columns)} columns")
        self.rows.append(cells)


@dataclass(slots=True)
class Report:
    """One bench's answer. ``setting`` says what was measured and how; ``notes`` what a reader must know beside it."""

    title: str
    setting: str
    tables: list[Table] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def table(self, *columns: str) -> Table:
        made = Table(columns)
        self.tables.append(made)
        return made

    def claim(self, what: str, value: float | None, bound: Bound, target: float, unit: str = "") -> None:
        self.claims.append(Claim(what, value, bound, target, unit))

    def markdown(self) -> str:
        """The report as it stands in RESULTS.md."""
        parts = [f"## {self.title}", self.setting]
        parts += [_lines(each.columns, each.rows) for each in self.tables]
        if self.claims:
            parts.append(_lines(("claim", "measured", "target", "verdict"), [_row(claim) for claim in self.claims]))
        parts += self.notes
        return "\n\n".join(parts) + "\n"


def number(value: float | None, unit: str = "") -> str:
    """A figure with three significant digits, whole from 100 on."""
    if value is None:
        return "not measured"
    text = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    return f"{text} {unit}".rstrip()


def spread(values: Sequence[float], unit: str = "") -> str:
    """The median, and between what it lay."""
    low, high = number(min(values)), number(max(values))
    return f"{number(median(values))} ({low} to {high}) {unit}".rstrip()


def _row(claim: Claim) -> Sequence[str]:
    target = f"{claim.bound.value} {number(claim.target, claim.unit)}"
    return claim.what, number(claim.value, claim.unit), target, "met" if claim.met else "**not met**"


def _lines(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(3, *(len(row[place]) for row in (columns, *rows))) for place in range(len(columns))]
    ruler = ["-" * width for width in widths]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in (columns, ruler, *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in padded)
