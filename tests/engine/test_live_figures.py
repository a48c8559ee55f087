"""What the engine counts as load while it runs, the figures of its last seconds, and records of any length."""

import csv
import io
import random
from pathlib import Path

import pytest
from tandem_engine.jtl import DEFAULT_COLUMNS, JtlFollower
from tandem_engine.live_figures import SampleRow, Totals
from tandem_engine.plan_groups import as_groups, thread_groups_of
from tandem_engine.records import LONGEST_TEXT, LongRecord
from tandem_samples import GroupKind, ThreadGroup, ThreadGroups

NOON = 1_795_953_600_000
GROUPS = ThreadGroups(
    [
        ThreadGroup("Users", GroupKind.MAIN),
        ThreadGroup("Log in", GroupKind.SETUP),
        ThreadGroup("Clean up", GroupKind.TEARDOWN),
    ]
)


def request(at_ms: int, *, success: bool = True, thread: str = "Users 1-1", **more: object) -> SampleRow:
    """A request that ended so long after noon."""
    plain = SampleRow(NOON + at_ms - 10, 10, success, "home", "200", "OK", thread=thread)
    return plain._replace(**more)  # type: ignore[arg-type]


def totals(*rows: SampleRow, groups: ThreadGroups = GROUPS) -> Totals:
    counted = Totals(groups)
    for row in rows:
        counted.add(row)
    return counted


def test_set_up_and_tear_down_prove_no_load() -> None:
    counted = totals(
        request(0, thread="Log in 1-1"),
        request(50, thread="Log in 1-1", success=False),
        request(1000),
        request(2000, thread="Clean up 1-1"),
        request(3000, thread="somebody else's thread"),
    )
    shown = counted.snapshot(NOON + 5000)
    assert (shown["totalRequests"], shown["errorCount"], counted.first_start) == (2, 0, NOON + 990)
    assert shown["setUp"] == {"samples": 2, "errors": 1}
    assert shown["tearDown"] == {"samples": 1, "errors": 0}
    assert (shown["untoldSamples"], shown["groupsKnown"], counted.rows) == (1, True, 5)
    assert counted.summary()["total"] == 2


def test_transactions_and_sub_results_are_no_requests() -> None:
    parent = request(100, elapsed=60, start=NOON + 40)
    counted = totals(
        parent,
        parent._replace(label="home-0", elapsed=30),
        parent._replace(label="home-1", start=NOON + 70, elapsed=30),
        request(200, label="Check-out", message="Number of samples in transaction : 1, number of failing samples : 0"),
    )
    assert counted.total == 1


def test_without_groups_every_request_is_load() -> None:
    counted = totals(request(0, thread=""), request(5, thread="Log in 1-1"), groups=ThreadGroups())
    assert (counted.total, counted.untold, counted.snapshot(NOON)["groupsKnown"]) == (2, 0, False)


def test_recent_figures_are_of_the_last_three_whole_seconds() -> None:
    # Ten requests a second from noon + 0.5 s on; from the fifth second on every other one fails.
    counted = totals(
        *(
            request(at, success=at < 5000 or at // 100 % 2 == 0, start=NOON + at - at // 100, elapsed=at // 100)
            for at in range(520, 9000, 100)
        )
    )

    def recent(at_ms: int) -> dict[str, object] | None:
        shown: dict[str, object] | None = counted.snapshot(NOON + at_ms)["recent"]
        return shown

    assert recent(900) is None
    assert recent(1999) is None
    assert recent(2000) == {
        "seconds": 1, "samples": 10, "errors": 0, "errorRate": 0.0, "requestsPerSec": 10.0, "p95": 19,
    }  # fmt: skip
    late = recent(8100)
    assert late is not None
    assert (late["seconds"], late["samples"], late["errors"], late["errorRate"]) == (3, 30, 15, 0.5)
    silent = recent(60_000)
    assert silent is not None
    assert (silent["samples"], silent["requestsPerSec"], silent["p95"]) == (0, 0.0, None)


def test_whole_seconds_are_those_that_are_over_and_in_which_requests_ended() -> None:
    counted = totals(*(request(at) for at in (520, 900, 1200, 1900, 3300, 4100)))
    seen = [counted.snapshot(NOON + at)["wholeSeconds"] for at in (999, 1500, 2000, 3000, 4000, 4999, 5000, 90_000)]
    assert seen == [0, 0, 1, 1, 2, 2, 3, 3]


def test_whole_seconds_of_a_long_run_are_not_forgotten() -> None:
    counted = totals(*(request(second * 1000 + 500) for second in range(1000)))
    assert counted.snapshot(NOON + 1_000_000)["wholeSeconds"] == 999


def test_the_most_frequent_error_is_told_with_its_count() -> None:
    refused = {"code": "Non HTTP response code: java.net.ConnectException", "message": "Connection refused"}
    counted = totals(
        *(request(at, success=False, **refused) for at in range(3)),
        request(5, success=False, code="503", message="Service Unavailable"),
        request(6),
    )
    assert counted.snapshot(NOON)["topError"] == {**refused, "count": 3}
    assert totals(request(1)).snapshot(NOON)["topError"] is None


def test_of_an_answer_that_fails_an_assertion_the_assertion_says_why() -> None:
    counted = totals(request(1, success=False, failure="Test failed: text expected to contain /paid/"))
    assert counted.snapshot(NOON)["topError"] == {
        "code": "200",
        "message": "Test failed: text expected to contain /paid/",
        "count": 1,
    }


@pytest.mark.parametrize(
    ("code", "message", "dropped"),
    [
        ("Non HTTP response code: java.net.BindException", "Address already in use", 1),
        ("Non HTTP response code: java.net.NoRouteToHostException", "Cannot assign requested address", 1),
        ("Non HTTP response code: java.net.ConnectException", "Connection refused", 0),
        ("500", "java.net.BindException: Address already in use", 0),
    ],
)
def test_connections_that_the_generator_dropped_are_counted(code: str, message: str, dropped: int) -> None:
    assert totals(request(1, success=False, code=code, message=message)).dropped_connections == dropped


def test_the_groups_of_a_plan_are_those_that_run() -> None:
    def element(name: str, title: str, enabled: str, inside: str = "") -> str:
        return f'<{name} testname="{title}" enabled="{enabled}"/><hashTree>{inside}</hashTree>'

    plan = (
        "<jmeterTestPlan><hashTree><TestPlan testname='Plan'/><hashTree>"
        + element("SetupThreadGroup", "Log in", "true")
        + element("kg.apc.jmeter.threads.UltimateThreadGroup", "Users &amp; co", "true")
        + element("ThreadGroup", "Off", "false")
        + element("TestFragmentController", "Off, too", "false", element("ThreadGroup", "Inside", "true"))
        + element("PostThreadGroup", "Clean up", "true")
        + "</hashTree></hashTree></jmeterTestPlan>"
    )
    assert as_groups(thread_groups_of(plan.encode())) == [
        ThreadGroup("Log in", GroupKind.SETUP),
        ThreadGroup("Users & co", GroupKind.MAIN),
        ThreadGroup("Clean up", GroupKind.TEARDOWN),
    ]
    assert thread_groups_of(b"no plan") == []


class TestLongRecords:
    def row(self, message: str, failure: str, at: int = 1000) -> str:
        sink = io.StringIO()
        fields = [at, 12, "home", 500, message, "Users 1-1", "text", "false", failure, 1, 2, 3, 3, "http://a/", 1, 0, 1]
        csv.writer(sink, quoting=csv.QUOTE_MINIMAL, lineterminator="\n").writerow(fields)
        return sink.getvalue()

    @pytest.mark.parametrize("seed", range(20))
    def test_a_record_reads_the_same_in_pieces_of_any_size(self, seed: int) -> None:
        choice = random.Random(seed)
        text = "".join(choice.choices('ab,"\n\r é', k=300))
        record = self.row(text, text[::-1]).encode()
        long, rest, place = LongRecord(), b"next,record\n", 0
        whole = record + rest
        end = None
        while end is None:
            size = choice.randint(1, 40)
            end = long.feed(whole[place : place + size])
            place += size if end is None else end
        assert place == long.size == len(record)
        [expected] = csv.reader(io.StringIO(record.decode(), newline=""))
        assert [field.rstrip("\r") for field in long.row()] == [field.rstrip("\r") for field in expected]

    def test_a_failure_with_a_message_of_many_megabytes_is_counted(self, tmp_path: Path) -> None:
        path = tmp_path / "results.jtl"
        body = '{"answer": "' + 'x"y,\n' * 8_000_000 + '"}'
        path.write_text(
            ",".join(DEFAULT_COLUMNS) + "\n" + self.row("Error", "") + self.row("Error", body, 2000)
            + self.row(body, "not at all", 3000) + self.row("Error", "", 4000),
            newline="",
        )  # fmt: skip
        follower = JtlFollower(path)
        counted = follower.catch_up()
        assert (counted.total, counted.errors, counted.skipped) == (4, 4, 0)
        assert (counted.last_end, follower.consumed) == (4012, path.stat().st_size)

    def test_no_more_of_a_text_is_kept_than_the_figures_need(self) -> None:
        long = LongRecord()
        assert long.feed(b'1,"' + b"x" * 1_000_000) is None
        assert long.feed(b"y" * 1_000_000 + b'",true\n') is not None
        assert [len(field) for field in long.row()] == [1, LONGEST_TEXT, 4]
