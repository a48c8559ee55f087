"""When the fault was: what the platform (or FIS) said of it, and what stands in where nobody said anything.

Whoever injects may say several times when its fault began and ended: twice the same, in any order, or for each of
several actions. The window is the hull of all that was said, from the earliest start to the latest end, so neither
repeats nor order matter. All times are aware UTC.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from tandem.domain.errors import FieldFault, InvalidValue
from tandem.domain.timestamps import iso_utc, to_millis

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far the clock of whoever injects may be ahead of ours."""

LONGEST_BEFORE_RUN = timedelta(hours=1)
"""How long before its announcement to us a fault may have begun: more is a wrong zone or unit, not a fault."""


class WindowSource(StrEnum):
    """From what a bound of the fault window is known, the best first."""

    TOLD = "TOLD"
    FAULT_AT = "FAULT_AT"
    FAULT_WINDOW_OPEN = "FAULT_WINDOW_OPEN"
    EXPERIMENT_FINISHED = "EXPERIMENT_FINISHED"


@dataclass(frozen=True, slots=True)
class ToldWindow:
    """The start and end of the fault as whoever injects it said; None: not said (yet)."""

    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def backwards(self) -> bool:
        """Whether the end is known and not after the start."""
        return self.started_at is not None and self.ended_at is not None and self.ended_at <= self.started_at

    def widened(self, said: "ToldWindow", announced_at: datetime, now: datetime) -> "ToldWindow":
        """The hull of this and what was said now, of a run that was announced at some time.

        Raises InvalidValue naming the field when a moment lies in the future, long before the run, or when the end
        would not be after the start.
        """
        faults = []
        for field, moment in (("faultStartedAt", said.started_at), ("faultEndedAt", said.ended_at)):
            if moment is not None and moment > now + CLOCK_TOLERANCE:
                faults.append(FieldFault(field, f"must not lie in the future, and it is {iso_utc(now)}"))
            elif moment is not None and moment < announced_at - LONGEST_BEFORE_RUN:
                faults.append(FieldFault(field, f"must not lie long before the run began, at {iso_utc(announced_at)}"))
        starts = [to_millis(moment) for moment in (self.started_at, said.started_at) if moment is not None]
        ends = [to_millis(moment) for moment in (self.ended_at, said.ended_at) if moment is not None]
        hull = ToldWindow(min(starts, default=None), max(ends, default=None))
        if not faults and hull.backwards:
            faults.append(FieldFault("faultEndedAt", "must be after the fault's start"))
        if faults:
            raise InvalidValue("The fault window cannot be as it was told.", faults)
        return hull


@dataclass(frozen=True, slots=True)
class FaultWindow:
    """The window that a run is analysed with, and from what each bound is known; None: not known, or not over."""

    start: datetime | None = None
    end: datetime | None = None
    start_from: WindowSource | None = None
    end_from: WindowSource | None = None


def choose_window(
    told: ToldWindow, fault_at: datetime | None, opened_at: datetime | None, finished_at: datetime | None
) -> FaultWindow:
    """The best that is known: what was told; else, of a run whose window opened, the announced moment of the fault or
    the opening, to the experiment's end. An end before the start makes a window without time.
    """
    if told.started_at is not None:
        window = FaultWindow(start=told.started_at, start_from=WindowSource.TOLD)
    elif opened_at is None:
        return FaultWindow()
    elif fault_at is not None:
        window = FaultWindow(start=fault_at, start_from=WindowSource.FAULT_AT)
    else:
        window = FaultWindow(start=opened_at, start_from=WindowSource.FAULT_WINDOW_OPEN)
    start = window.start
    assert start is not None  # noqa: S101 - each branch sets it
    if told.ended_at is not None:
        return replace(window, end=max(start, told.ended_at), end_from=WindowSource.TOLD)
    if finished_at is not None:
        return replace(window, end=max(start, finished_at), end_from=WindowSource.EXPERIMENT_FINISHED)
    return window
