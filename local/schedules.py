"""Fires the rules that have a ScheduleExpression."""

from __future__ import annotations

import calendar
import datetime as dt
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from local.event_bus import EventBus, aws_event
from local.template import Queue, Rule, Template, TemplateError
from local.timers import Timers

_log = logging.getLogger(__name__)

_RATE = re.compile(r"rate\(\s*([1-9]\d*)\s+(minute|hour|day)s?\s*\)")
_CRON = re.compile(r"cron\((.*)\)")
_UNIT_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
# EventBridge counts the days of the week from SUN = 1.
_WEEKDAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), start=1)}
_YEARS_AHEAD = 8
_SWEEP_RATE_SECONDS = 60
_LONGEST_TIMER = 3600.0


@dataclass(frozen=True)
class Pace:
    """How fast the sweep goes: `sync_seconds` stands for the 30 s of the deployed system.

    EventBridge fires once a minute at most, so the deployed sweep is a rate(1 minute) rule with two targets: the
    function, and a queue that calls it again with a delay of half a minute. Here that minute lasts twice
    `sync_seconds`, and the delay of each queue that such a rule feeds shrinks alike. Nothing else is scaled.
    """

    sync_seconds: int

    @property
    def _factor(self) -> float:
        return 2 * self.sync_seconds / _SWEEP_RATE_SECONDS

    def period(self, rate_seconds: int) -> float:
        """Seconds between two firings of a rule with this rate."""
        return rate_seconds * self._factor if rate_seconds == _SWEEP_RATE_SECONDS else float(rate_seconds)

    def delay(self, queue: Queue, rules: Iterable[Rule]) -> int:
        """The queue's DelaySeconds here, in whole seconds as SQS has them."""
        fed_each_minute = any(
            target.arn == queue.arn
            for rule in rules
            if rule.schedule is not None and rate_seconds(rule.schedule) == _SWEEP_RATE_SECONDS
            for target in rule.targets
        )
        return round(queue.delay_seconds * self._factor) if fed_each_minute else queue.delay_seconds


class Schedules:
    """Fires each scheduled rule in time: a rate(1 minute) at once and then by the pace, all others when AWS would."""

    def __init__(self, template: Template, bus: EventBus, timers: Timers, pace: Pace) -> None:
        self._bus = bus
        self._timers = timers
        self._pace = pace
        self._rules = [rule for rule in template.rules if rule.schedule is not None and rule.enabled]
        self._open = False

    def start(self) -> None:
        """Begins to fire. Raises TemplateError for an expression that cannot be read."""
        self._open = True
        for rule in self._rules:
            expression = rule.schedule or ""
            seconds = rate_seconds(expression)
            if seconds is None:
                self._arm(rule, Cron(expression, rule.logical_id).seconds_until_next)
            elif seconds == _SWEEP_RATE_SECONDS:
                self._fire(rule)
                self._arm(rule, partial(self._pace.period, seconds))
            else:
                self._arm(rule, partial(float, seconds))

    def close(self) -> None:
        """Fires no more."""
        self._open = False

    def _arm(self, rule: Rule, seconds_until_next: Callable[[], float]) -> None:
        self._count_down(rule, seconds_until_next(), seconds_until_next)

    def _count_down(self, rule: Rule, left: float, seconds_until_next: Callable[[], float]) -> None:
        # In slices of an hour, so that a laptop's sleep delays a daily rule by no more than that.
        piece = min(left, _LONGEST_TIMER)

        def due() -> None:
            if not self._open:
                return
            if left > piece:
                self._count_down(rule, left - piece, seconds_until_next)
            else:
                self._arm(rule, seconds_until_next)
                self._fire(rule)

        self._timers.after(piece, due)

    def _fire(self, rule: Rule) -> None:
        event = aws_event("aws.events", "Scheduled Event", {}, [rule.arn])
        for target in rule.targets:
            self._bus.deliver(rule, target, event)


def rate_seconds(expression: str) -> int | None:
    """The period of a `rate(...)` in seconds; None for anything else."""
    match = _RATE.fullmatch(expression.strip())
    return int(match.group(1)) * _UNIT_SECONDS[match.group(2)] if match else None


class Cron:
    """EventBridge's cron(minutes hours day-of-month month day-of-week year), in UTC.

    Knows `*`, `?`, lists, ranges, steps and names; L, W and # are refused with TemplateError.
    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
    """

    def __init__(self, expression: str, place: str) -> None:
        match = _CRON.fullmatch(expression.strip())
        fields = match.group(1).split() if match else []
        if len(fields) != 6:
            raise TemplateError(f"{place}: {expression!r} is neither rate(n units) nor cron() with six fields")
        year = dt.datetime.now(tz=dt.UTC).year
        try:
            self._minutes = _field(fields[0], 0, 59)
            self._hours = _field(fields[1], 0, 23)
            self._days = _field(fields[2], 1, 31)
            self._months = _field(fields[3], 1, 12, _MONTHS)
            self._weekdays = _field(fields[4], 1, 7, _WEEKDAYS)
            self._years = _field(fields[5], 1970, year + _YEARS_AHEAD)
        except ValueError as exc:
            raise TemplateError(f"{place}: {expression!r}: {exc}") from exc

    def next_after(self, moment: dt.datetime) -> dt.datetime | None:
        """The first whole minute after `moment` (UTC) that matches, within some years; else None."""
        start = moment.replace(second=0, microsecond=0) + dt.timedelta(minutes=1)
        for ahead in range(_YEARS_AHEAD * 366):
            day = start.date() + dt.timedelta(days=ahead)
            if not self._matches(day):
                continue
            for hour in sorted(self._hours):
                for minute in sorted(self._minutes):
                    candidate = dt.datetime(day.year, day.month, day.day, hour, minute, tzinfo=dt.UTC)
                    if candidate >= start:
                        return candidate
        return None

    def seconds_until_next(self) -> float:
        """Seconds from now; a day when nothing matches within years, to look again."""
        now = dt.datetime.now(tz=dt.UTC)
        following = self.next_after(now)
        return (following - now).total_seconds() if following else float(_UNIT_SECONDS["day"])

    def _matches(self, day: dt.date) -> bool:
        return (
            day.year in self._years
            and day.month in self._months
            and day.day in self._days
            and day.isoweekday() % 7 + 1 in self._weekdays
        )


def _field(text: str, low: int, high: int, names: dict[str, int] | None = None) -> set[int]:
    def number(part: str) -> int:
        return (names or {}).get(part.upper()) or int(part)

    values: set[int] = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        if span in ("*", "?"):
            first, last = low, high
        elif "-" in span:
            first, last = (number(part) for part in span.split("-", 1))
        else:
            first = number(span)
            last = high if step else first
        if not low <= first <= last <= high:
            raise ValueError(f"{item} is not within {low}..{high}")
        values.update(range(first, last + 1, int(step or 1)))
    return values
