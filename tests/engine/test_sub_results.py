"""Rows of sub-results are written where a plan's requests are among them, and where they are asked for."""

from pathlib import Path

import pytest
from tandem_engine.command_line import run_arguments
from tandem_engine.execution_request import parse_request

CONTROLLER = '<TransactionController testname="t"><boolProp name="TransactionController.parent">{}</boolProp>'
PROPERTY = "-Jjmeter.save.saveservice.subresults="


def arguments(tmp_path: Path, plan: str, **properties: str) -> list[str]:
    file = tmp_path / "plan.jmx"
    file.write_text(plan)
    request = parse_request({"testPlanPath": "uploads/testplans/plan.jmx", "properties": properties}, "1g")
    found = run_arguments(request, "ab12cd34", file, tmp_path / "results.jtl", tmp_path / "jmeter.log", 4445)
    return [each for each in found if each.startswith(PROPERTY)]


@pytest.mark.parametrize(
    ("plan", "written"),
    [
        ("<ThreadGroup/>", "false"),
        (CONTROLLER.format("false"), "false"),
        (CONTROLLER.format(" false "), "false"),
        (CONTROLLER.format("true"), "true"),
        (CONTROLLER.format("${__P(parent)}"), "true"),
        ('<IncludeController testname="i"/>', "true"),
    ],
)
def test_sub_results_are_written_where_requests_are_among_them(tmp_path: Path, plan: str, written: str) -> None:
    assert arguments(tmp_path, plan) == [PROPERTY + written]


def test_a_request_may_ask_for_sub_results(tmp_path: Path) -> None:
    assert arguments(tmp_path, "<a/>", **{"jmeter.save.saveservice.subresults": "true"}) == [PROPERTY + "true"]
