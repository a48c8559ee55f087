"""A load-test strategy: how a load goes with an experiment."""

from dataclasses import dataclass, field
from datetime import datetime

from tandem.domain.errors import Conflict, FieldFault, NotFound
from tandem.domain.gate import GateBounds
from tandem.domain.identity import Owner

MAX_DURATION_SEC = 86_400

MAX_ENGINES = 20
"""Engines that one load may be divided among."""


class StrategyNotFound(NotFound):
    """No such strategy, or somebody else's."""

    code = "LOAD_TEST_STRATEGY_NOT_FOUND"

    def __init__(self, named: str) -> None:
        super().__init__(f"There is no load-test strategy for {named!r}.")


class StrategyDisabled(Conflict):
    """The strategy is there and disabled: an experiment that we start ourselves would meet no load."""

    code = "STRATEGY_DISABLED"


class StrategyExists(Conflict):
    """The experiment has its one live strategy already, enabled or not."""

    code = "STRATEGY_EXISTS_FOR_EXPERIMENT"

    def __init__(self, experiment_id: str, strategy_id: str) -> None:
        super().__init__(
            f"The experiment {experiment_id!r} has the load-test strategy {strategy_id} already.",
            [FieldFault("experimentId", f"has the strategy {strategy_id} already")],
        )


@dataclass(frozen=True, slots=True)
class Gate:
    """What a strategy says of the traffic check; None where it says nothing, and then the default holds (``bounds``).

    ``timeout_sec`` counts from the engine's acceptance of the load.
    """

    timeout_sec: int = 60
    min_throughput: float | None = None
    max_error_rate: float | None = None
    min_samples: int | None = None
    min_seconds: int | None = None

    @property
    def bounds(self) -> GateBounds:
        """The bounds that hold."""
        default = GateBounds()
        return GateBounds(
            timeout_sec=self.timeout_sec,
            min_throughput=self.min_throughput,
            max_error_rate=default.max_error_rate if self.max_error_rate is None else self.max_error_rate,
            min_samples=default.min_samples if self.min_samples is None else self.min_samples,
            min_seconds=default.min_seconds if self.min_seconds is None else self.min_seconds,
        )


@dataclass(frozen=True, slots=True)
class Slo:
    """What the experiment may cost users, judged on the fault and recovery phases (rates 0..1, times as named)."""

    max_p95_ms: float | None = None
    max_error_rate: float | None = None
    max_recovery_sec: float | None = None
    min_throughput_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class LoadTestStrategy:
    """The load starts ``start_before_fault_sec`` before the fault and lasts ``traffic_duration_sec`` (seconds).

    ``engines``: among so many engines its threads are divided, for a load that is larger than one can send.
    ``expected_error_rate`` (0..1): what the service fails at most when nothing is wrong, where the slo does not say it.
    """

    strategy_id: str
    owner: Owner
    definition_id: str
    experiment_id: str
    created_at: datetime
    updated_at: datetime
    enable: bool = True
    start_before_fault_sec: int = 0
    traffic_duration_sec: int = 60
    abort_on_load_failure: bool = False
    stop_on_completion: bool = False
    gate: Gate = field(default_factory=Gate)
    slo: Slo | None = None
    engines: int = 1
    expected_error_rate: float | None = None


def duration_faults(start_before_fault_sec: int, traffic_duration_sec: int) -> list[FieldFault]:
    """The rule between the two durations: a load that ends before the fault proves nothing."""
    if traffic_duration_sec > start_before_fault_sec:
        return []
    return [
        FieldFault(
            "trafficDurationSec",
            f"must be longer than startBeforeFaultSec ({start_before_fault_sec}), or the load ends before the fault",
        )
    ]


def engine_faults(engines: int, threads: int) -> list[FieldFault]:
    """The rule between a strategy's engines and its definition's threads: each engine runs one at least."""
    if engines <= threads:
        return []
    return [FieldFault("engines", f"must be at most {threads}: the definition has no more threads to divide")]


def gate_faults(gate: Gate, traffic_duration_sec: int) -> list[FieldFault]:
    """The rules between a gate and the time there is for it: one that no load can pass is refused."""
    seconds = gate.bounds.min_seconds
    faults = []
    if gate.timeout_sec <= seconds:
        faults.append(
            FieldFault("gate.timeoutSec", f"must be longer than gate.minSeconds ({seconds}), or no load can pass")
        )
    if traffic_duration_sec <= seconds:
        faults.append(
            FieldFault(
                "trafficDurationSec",
                f"must be longer than gate.minSeconds ({seconds}), or the load ends before it can pass the gate",
            )
        )
    return faults
