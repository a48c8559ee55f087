"""What the demo says of a load that comes to nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.demo.api import TandemApi
from local.demo.display import Display
from local.demo.live_samples import Sample
from local.demo.load_watch import LoadWatch
from local.demo.stage import Stage
from local.settings import Settings


@pytest.fixture
def watch(tmp_path: Path) -> LoadWatch:
    stage = Stage(Settings(state_directory=tmp_path), "http://127.0.0.1:9000")
    found = LoadWatch(stage, TandemApi(stage.client, "http://127.0.0.1:1"), Display(), "et-1")
    found.task = {"status": "RUNNING", "resultPath": "results/x/results.jtl", "gate": None}
    return found


def see(watch: LoadWatch, *errors: str) -> None:
    samples = [Sample(1.0, 1, bool(error), error) for error in errors]
    watch.samples_seen += len(samples)
    watch.errors.update(sample.error for sample in samples if sample.failed)


def test_a_reason_gets_the_most_frequent_error_and_the_samples(watch: LoadWatch, tmp_path: Path) -> None:
    see(watch, "Connection refused", "Connection refused", "503 Service Unavailable", "")
    jtl = tmp_path / "demo" / "engine" / "results/x/results.jtl"
    assert watch.explained("100 % failed.") == (
        f"100 % failed. Most frequent: Connection refused (2 of 4 requests). Samples: {jtl}"
    )


def test_an_error_that_the_reason_names_is_not_said_twice(watch: LoadWatch) -> None:
    see(watch, "Connection refused")
    assert watch.explained("failed. Most frequent: Connection refused").count("Most frequent") == 1


def test_a_load_that_sent_nothing_has_no_samples_to_name(watch: LoadWatch) -> None:
    assert watch.explained("no requests.") == "no requests"


@pytest.mark.parametrize(
    ("gate", "left"),
    [
        (None, None),
        ({"provenAt": None, "until": None}, None),
        ({"provenAt": "2026-01-02T03:04:05+00:00", "until": "2026-01-02T03:05:05+00:00"}, None),
        ({"provenAt": None, "until": "2026-01-02T03:05:05+00:00"}, 0),
    ],
)
def test_the_time_that_the_gate_still_waits(watch: LoadWatch, gate: Any, left: float | None) -> None:
    watch.task["gate"] = gate
    assert watch.seconds_to_prove == left


def test_the_time_that_the_gate_still_waits_is_counted_from_now(watch: LoadWatch) -> None:
    watch.task["gate"] = {"provenAt": None, "until": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
    assert watch.seconds_to_prove == pytest.approx(3600, abs=120)
