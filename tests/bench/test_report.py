"""What a bench says of its figures."""

import pytest

from bench.report import Bound, Claim, Report, number, spread
from bench.worker import Worker, WorkFailed


@pytest.mark.parametrize(
    ("value", "bound", "met"),
    [
        (2.5, Bound.AT_MOST, True),
        (2.6, Bound.AT_MOST, False),
        (2.5, Bound.AT_LEAST, True),
        (2.4, Bound.AT_LEAST, False),
        (2.5, Bound.EXACTLY, True),
        (2.4, Bound.EXACTLY, False),
        (None, Bound.AT_MOST, False),
    ],
)
def test_a_claim_is_met_on_its_side_of_the_target(value: float | None, bound: Bound, met: bool) -> None:
    assert Claim("x", value, bound, 2.5).met is met


def test_a_report_shows_tables_claims_and_notes_as_markdown() -> None:
    report = Report("Title", "How.", notes=["A note."])
    report.table("way", "ms").add("ours", "1")
    report.claim("speed", 3.25, Bound.AT_MOST, 3, "s")
    assert report.markdown() == (
        "## Title\n\nHow.\n\n"
        "| way  | ms  |\n| ---- | --- |\n| ours | 1   |\n\n"
        "| claim | measured | target      | verdict     |\n"
        "| ----- | -------- | ----------- | ----------- |\n"
        "| speed | 3.25 s   | at most 3 s | **not met** |\n\n"
        "A note.\n"
    )


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cells for 2 columns"):
        Report("Title", "How.").table("way", "ms").add("ours")


def test_figures_are_short() -> None:
    assert [number(value) for value in (0.01234, 3, 12.345, 1234.5, None)] == [
        "0.0123", "3", "12.3", "1,234", "not measured",
    ]  # fmt: skip
    assert spread([3.0, 1.0, 2.5], "ms") == "2.5 (1 to 3) ms"


def make_counter(start: int) -> "Counter":
    return Counter(start)


class Counter:
    def __init__(self, at: int) -> None:
        self.at = at

    def __call__(self, step: int) -> int:
        if step == 0:
            raise LookupError("no step")
        self.at += step
        return self.at


def test_a_worker_keeps_its_state_from_turn_to_turn_and_tells_its_memory() -> None:
    with Worker(make_counter, 5) as worker:
        assert worker.turn(2).answer == 7
        turn = worker.turn(1)
    assert turn.answer == 8
    assert turn.seconds >= 0
    assert turn.peak_bytes > 1_000_000


def test_a_worker_says_why_its_work_failed_and_goes_on() -> None:
    with Worker(make_counter, 0) as worker:
        with pytest.raises(WorkFailed, match="LookupError: no step"):
            worker.turn(0)
        assert worker.turn(1).answer == 1
