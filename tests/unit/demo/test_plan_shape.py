"""The demo says what the plan does, not what the definition would like."""

from pathlib import Path

import pytest

from local.demo.options import OWN_PLAN
from local.demo.plan_shape import shape_of

TARGET = "http://127.0.0.1:9000"


def changed(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    text = OWN_PLAN.read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    plan = tmp_path / "plan.jmx"
    plan.write_text(text, encoding="utf-8")
    return plan


def test_a_plan_that_takes_both_from_the_definition() -> None:
    assert shape_of(OWN_PLAN, TARGET, 16).sentence(TARGET) == f"16 users against {TARGET}"


def test_a_plan_with_users_and_port_of_its_own(tmp_path: Path) -> None:
    plan = changed(tmp_path, ("${__P(threads,12)}", "4"), ("${__P(port,9000)}", "9001"))
    said = shape_of(plan, TARGET, 16).sentence(TARGET)
    assert said == f"4 users against 127.0.0.1:9001, as the plan says: not (only) against TARGET {TARGET}"


@pytest.mark.parametrize("threads", ["${users}", "${__Random(1,9)}"])
def test_users_that_only_the_run_knows_are_not_guessed(tmp_path: Path, threads: str) -> None:
    plan = changed(tmp_path, ("${__P(threads,12)}", threads))
    assert shape_of(plan, TARGET, 16).sentence(TARGET) == f"as many users as the plan says against {TARGET}"
