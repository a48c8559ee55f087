"""python -m bench.count_transitions: what a run costs on Step Functions, however long it lasts."""

import tempfile
from pathlib import Path

from bench.arguments import smoke_wanted, tell
from bench.count_transitions.lives import entered, events_of, price_of, real_history, simulated_states
from bench.report import Bound, Report

MINUTE, DAY = 60, 86_400
MOST_EVENTS = 60


def measure(long_seconds: int) -> Report:
    """Count the transitions of a short and of a long life; one of some seconds is the check on both."""
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as name:
        directory = Path(name)
        short, long = (simulated_states(directory, seconds) for seconds in (MINUTE, long_seconds))
        history = real_history(directory)
    real = entered(history)
    if events_of(real) != len(history):
        raise RuntimeError(f"the history has {len(history)} events, by the states they are {events_of(real)}")
    report = Report(
        "State machine: what a run costs on Step Functions (`bench.count_transitions`)",
        "The state machine's own file and the real handlers under virtual time (tests/reliability); beside them an "
        "experiment of some seconds on the local Step Functions, whose history proves how events are counted. The "
        "floor is the path itself: no state is entered twice.",
    )
    table = report.table("run", "states entered", "entered twice", "history events", "USD for a million runs")
    for run, states in ((f"{MINUTE} s", short), (f"{long_seconds:,} s", long), ("some seconds, real", real)):
        table.add(run, str(len(states)), str(len(states) - len(set(states))), str(events_of(states)),
                  f"{price_of(states) * 1e6:,.0f}")  # fmt: skip
    report.claim("history events, the long run", events_of(long), Bound.AT_MOST, MOST_EVENTS)
    report.claim("states that the long run enters more than the short one", len(long) - len(short), Bound.EXACTLY, 0)
    report.claim(
        "states that the real run enters more than the simulated ones", len(real) - len(short), Bound.EXACTLY, 0
    )
    return report


if __name__ == "__main__":
    seconds = 600 if smoke_wanted(__doc__) else DAY
    tell(lambda: measure(seconds))
