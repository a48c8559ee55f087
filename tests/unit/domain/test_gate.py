"""The traffic check: what passes, what does not, and what is said of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tandem.domain.gate import GateBounds, GateFigures, LooksBack, named, shortfalls, why_not_proven
from tandem.domain.live_metrics import GroupCounts, LiveMetrics, RecentFigures, TopError, in_all
from tandem.domain.strategy import Gate

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
REFUSED = TopError(
    "Non HTTP response code: java.net.ConnectException", "Non HTTP response message: Connection refused", 71
)


def recent(samples: int = 60, errors: int = 0) -> RecentFigures:
    return RecentFigures(3, samples, errors, errors / samples if samples else 0.0, samples / 3, 40)


def figures(samples: int = 60, seconds: int = 3, lately: RecentFigures | None = None) -> GateFigures:
    return GateFigures(samples, seconds, recent() if lately is None else lately)


def metrics(total: int, errors: int = 0, **more: object) -> LiveMetrics:
    plain = LiveMetrics(total, total - errors, errors, errors / total if total else 0.0, 20.0, 4, 30, 90, 5, NOON)
    return replace(plain, **more)  # type: ignore[arg-type]


def test_what_a_strategy_does_not_say_is_the_default() -> None:
    assert Gate().bounds == GateBounds(
        timeout_sec=60, min_throughput=None, max_error_rate=0.5, min_samples=20, min_seconds=3
    )
    asked = Gate(timeout_sec=9, min_throughput=2.0, max_error_rate=1.0, min_samples=5, min_seconds=0)
    assert asked.bounds == GateBounds(9, 2.0, 1.0, 5, 0)


@pytest.mark.parametrize(
    ("measured", "missing"),
    [
        (figures(), []),
        (figures(samples=19), ["19 requests in 3 s (gate wants at least 20 in 3 s)"]),
        (figures(seconds=2), ["60 requests in 2 s (gate wants at least 20 in 3 s)"]),
        (figures(lately=recent(60, 30)), []),
        (figures(lately=recent(60, 31)), ["51.67 % of 60 requests failed in the last 3 s (gate allows 50 %)"]),
        (figures(lately=recent(0)), ["no request ended in the last 3 s"]),
        (GateFigures(), ["no samples arrived"]),
        (GateFigures(silent=("second",)), ["no samples arrived from second"]),
        (GateFigures(40, 4, recent(), silent=("second",)), ["no samples arrived from second"]),
        (
            GateFigures(set_up_samples=7),
            ["no samples arrived: no main thread group has sent a request yet, set-up thread groups have sent 7"],
        ),
    ],
)
def test_by_default_a_load_passes_that_is_real_and_healthy_lately(measured: GateFigures, missing: list[str]) -> None:
    assert shortfalls(GateBounds(), measured) == missing


def test_a_gate_can_ask_for_throughput() -> None:
    assert shortfalls(GateBounds(min_throughput=20), figures()) == []
    assert shortfalls(GateBounds(min_throughput=20.5), figures()) == ["20.0 requests/s (gate wants at least 20.5)"]


def test_a_gate_that_allows_every_error_passes_a_load_that_fails() -> None:
    assert shortfalls(GateBounds(max_error_rate=1), figures(lately=recent(60, 60))) == []


def test_a_load_that_fails_lately_does_not_pass_however_well_it_began() -> None:
    assert shortfalls(GateBounds(), GateFigures(10_000, 300, recent(60, 60))) != []


def test_the_most_frequent_error_is_named_as_people_call_it() -> None:
    dead = GateFigures(71, 4, recent(54, 54), top_error=REFUSED)
    assert why_not_proven(GateBounds(), dead) == (
        "100 % of 54 requests failed in the last 3 s (gate allows 50 %). "
        "Most frequent: ConnectException: Connection refused (71 of 71 requests so far)"
    )
    by_httpclient = TopError(
        "Non HTTP response code: org.apache.http.conn.HttpHostConnectException",
        "Non HTTP response message: Connect to 127.0.0.1:9 [/127.0.0.1] failed: Connection refused",
        71,
    )
    assert named(by_httpclient) == "ConnectException: Connection refused at 127.0.0.1:9"
    answered = replace(dead, top_error=TopError("503", "Service Unavailable", 70))
    assert "Most frequent: 503 Service Unavailable (70 of 71 requests so far)" in why_not_proven(GateBounds(), answered)


class TestAnEngineThatTellsNoRecentFigures:
    """It is looked at twice, at least 3 s apart."""

    def look(self, looks: LooksBack, second: float, seen: LiveMetrics) -> GateFigures:
        return GateFigures.of(looks.complete("default", seen, NOON + timedelta(seconds=second)))

    def test_it_is_judged_by_the_difference_of_two_looks(self) -> None:
        looks = LooksBack()
        assert shortfalls(GateBounds(), self.look(looks, 0, metrics(100, 100))) != []
        assert shortfalls(GateBounds(), self.look(looks, 2.9, metrics(150, 100))) != []
        healed = self.look(looks, 3.5, metrics(170, 100))
        assert healed.recent is not None
        assert (healed.seconds, healed.recent.samples, healed.recent.errors) == (3, 70, 0)
        assert healed.recent.requests_per_sec == 20
        assert shortfalls(GateBounds(), healed) == []

    def test_one_that_has_just_died_does_not_pass(self) -> None:
        looks = LooksBack()
        for second in range(5):
            self.look(looks, second, metrics(20 * (second + 1)))
        dying = self.look(looks, 8, metrics(160, 60))
        assert dying.recent is not None
        assert dying.recent.error_rate == 1
        assert shortfalls(GateBounds(), dying) == [
            "100 % of 60 requests failed in the last 4 s (gate allows 50 %)",
        ]

    def test_seconds_count_as_long_as_requests_arrive(self) -> None:
        looks = LooksBack()
        self.look(looks, 0, metrics(30))
        assert self.look(looks, 1, metrics(40)).seconds == 1
        stalled = self.look(looks, 9, metrics(40))
        assert stalled.seconds == 1
        assert shortfalls(GateBounds(), stalled)[-1] == "no request ended in the last 8 s"

    def test_an_engine_that_counts_anew_is_looked_at_anew(self) -> None:
        looks = LooksBack()
        self.look(looks, 0, metrics(1000))
        assert self.look(looks, 4, metrics(10)).recent is None


def test_several_engines_are_judged_together() -> None:
    first = metrics(60, 0, recent=recent(60, 0), whole_seconds=5, top_error=TopError("503", "", 2))
    second = metrics(40, 30, recent=recent(30, 30), whole_seconds=3, top_error=TopError("503", "", 30))
    both = in_all([replace(first, set_up=GroupCounts(2, 0)), replace(second, set_up=GroupCounts(1, 1))])
    measured = GateFigures.of(both)
    assert measured.recent is not None
    assert (measured.samples, measured.seconds, measured.recent.samples, measured.recent.errors) == (100, 3, 90, 30)
    assert measured.recent.requests_per_sec == 30
    assert measured.top_error == TopError("503", "", 32)
    assert measured.set_up_samples == 3
    assert shortfalls(GateBounds(), measured) == []
    assert in_all([first, None]) is None
