"""A demo loads this machine only."""

from pathlib import Path

import pytest

from local.demo.failure import DemoFailure
from local.demo.options import OWN_PLAN, DemoOptions


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:9000", "http://localhost:80", "https://[::1]:9000", "http://127.8.8.8"]
)
def test_a_target_on_this_machine_is_taken(target: str) -> None:
    assert DemoOptions.of(None, target + "/") == DemoOptions(OWN_PLAN, target)


@pytest.mark.parametrize(
    "target", ["http://example.com", "http://10.0.0.1:9000", "http://localhost.example.com", "http://127.0.0.1@1.2.3.4"]
)
def test_a_target_elsewhere_is_refused(target: str) -> None:
    with pytest.raises(DemoFailure, match="not on this machine"):
        DemoOptions.of(None, target)


@pytest.mark.parametrize("target", ["", "127.0.0.1:9000", "ftp://127.0.0.1", "http://", "http://127.0.0.1:99999"])
def test_what_is_no_http_address_is_refused_with_an_example(target: str) -> None:
    with pytest.raises(DemoFailure, match=r"such as http://127\.0\.0\.1:9000"):
        DemoOptions.of(None, target)


def test_a_plan_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DemoFailure, match="there is no test plan"):
        DemoOptions.of(tmp_path / "none.jmx", None)


def test_without_a_choice_the_plan_is_ours_and_so_is_the_target() -> None:
    assert DemoOptions.of(None, None) == DemoOptions(OWN_PLAN, None)
    assert OWN_PLAN.is_file()
