"""The rules of a strategy as a whole."""

from tandem.domain.definition import LoadTestDefinition
from tandem.domain.errors import FieldFault, InvalidValue
from tandem.domain.strategy import LoadTestStrategy, duration_faults, engine_faults, gate_faults


def check_strategy(strategy: LoadTestStrategy, definition: LoadTestDefinition, max_duration_sec: int | None) -> None:
    """Raises InvalidValue. ``definition`` is the strategy's; ``max_duration_sec`` the policy's limit in seconds."""
    faults = duration_faults(strategy.start_before_fault_sec, strategy.traffic_duration_sec)
    faults += gate_faults(strategy.gate, strategy.traffic_duration_sec)
    if max_duration_sec is not None and strategy.traffic_duration_sec > max_duration_sec:
        faults.append(FieldFault("trafficDurationSec", f"must be at most {max_duration_sec} by the policy"))
    faults += engine_faults(strategy.engines, definition.threads)
    if faults:
        raise InvalidValue("One or more parameters are wrong.", faults)
