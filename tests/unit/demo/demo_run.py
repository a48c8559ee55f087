"""A demo run as its JTL tells it: 10 s of baseline, 15 s of fault, 10 s of recovery, after 1 s of ramp-up."""

from datetime import UTC, datetime, timedelta

from local.demo.evidence import LIFE_OF_A_STOPPED_TASK, Evidence
from local.demo.figures import RunFigures, figures_of
from local.demo.shop import Fault

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FAULT_START = START + timedelta(seconds=11)
FAULT_END = FAULT_START + timedelta(seconds=15)
RUN_SECONDS = 36
FAULT = Fault(latency_ms=250, error_share=0.2)


def run_figures(*, felt: bool = True, healed: bool = True, seconds: int = RUN_SECONDS) -> RunFigures:
    """The figures of ``run_jtl``."""
    return figures_of(run_jtl(felt=felt, healed=healed, seconds=seconds), FAULT_START, FAULT_END, ramp_up_sec=1)


def run_jtl(*, felt: bool = True, healed: bool = True, seconds: int = RUN_SECONDS) -> bytes:
    """100 requests/s of 10 ms; those that end in the fault, while it is felt, 260 ms and every fifth an error."""
    rows = ["timeStamp,elapsed,label,success"]
    for number in range(seconds * 100):
        end = START + timedelta(milliseconds=10 * number + 10)
        broken = felt and end >= FAULT_START and (end < FAULT_END or not healed)
        elapsed = 260 if broken else 10
        begun = round(end.timestamp() * 1000) - elapsed
        rows.append(f"{begun},{elapsed},GET /,{'false' if broken and number % 5 == 0 else 'true'}")
    return "\n".join([*rows, ""]).encode()


def evidence(figures: RunFigures | None = None, fault: Fault | None = FAULT) -> Evidence:
    """A demo in which all went well."""
    return Evidence(
        figures=figures or run_figures(),
        fault=fault,
        fault_start=FAULT_START,
        fault_end=FAULT_END,
        lead_seconds=10,
        status="STOPPED",
        started=START - timedelta(seconds=2),
        ended=START + timedelta(seconds=RUN_SECONDS + 1),
        transitions=list(LIFE_OF_A_STOPPED_TASK),
        dashboard=True,
        jmeter_left=[],
        verdict="DEGRADED",
        recovery_seconds=1.0,
    )
