"""Parameters and views of load-test strategies."""

from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from tandem.domain.strategy import MAX_DURATION_SEC, Gate, Slo, duration_faults
from tandem.rest.parameters import Flag, Identifier, Number, Parameters, Part, Structure, Whole

Rate = Annotated[Number, Field(ge=0, le=1)]
Amount = Annotated[Number, Field(ge=0)]


class GateFields(Part):
    """When a load counts as real; without bounds it is enough that samples arrive."""

    timeout_sec: Annotated[Whole, Field(ge=1, le=3600)] = 60
    min_throughput: Annotated[Number, Field(ge=0, description="Requests/s.")] | None = None
    max_error_rate: Rate | None = None

    @property
    def gate(self) -> Gate:
        return Gate(self.timeout_sec, self.min_throughput, self.max_error_rate)


class SloFields(Part):
    """What the experiment may cost, judged on the FAULT and RECOVERY phases."""

    max_p95_ms: Amount | None = None
    max_error_rate: Rate | None = None
    max_recovery_sec: Amount | None = None
    min_throughput_ratio: Annotated[Number, Field(ge=0, le=1, description="Against the baseline.")] | None = None

    @property
    def slo(self) -> Slo:
        return Slo(self.max_p95_ms, self.max_error_rate, self.max_recovery_sec, self.min_throughput_ratio)


StartBeforeFault = Annotated[
    Whole, Field(ge=0, le=MAX_DURATION_SEC - 1, description="How long the load leads the fault, in seconds.")
]
TrafficDuration = Annotated[
    Whole, Field(ge=1, le=MAX_DURATION_SEC, description="Seconds; longer than startBeforeFaultSec.")
]
GateField = Annotated[GateFields, Structure]
SloField = Annotated[SloFields, Structure]


class NewStrategy(Parameters):
    """A strategy to be created: one for each experiment."""

    definition_id: Identifier
    experiment_id: Identifier
    enable: Flag = True
    start_before_fault_sec: StartBeforeFault = 0
    traffic_duration_sec: TrafficDuration = Field(default=60, validate_default=True)
    abort_on_load_failure: Flag = False
    stop_on_completion: Flag = False
    gate: GateField = Field(default_factory=GateFields)
    slo: SloField | None = None

    @field_validator("traffic_duration_sec")
    @classmethod
    def _outlasts_the_lead(cls, value: int, info: ValidationInfo) -> int:
        lead = info.data.get("start_before_fault_sec")
        faults = [] if lead is None else duration_faults(lead, value)
        if faults:
            raise ValueError(faults[0].message)
        return value

    @property
    def content(self) -> dict[str, Any]:
        """The fields of the domain's strategy that the caller gives."""
        return {
            "definition_id": self.definition_id,
            "experiment_id": self.experiment_id,
            "enable": self.enable,
            "start_before_fault_sec": self.start_before_fault_sec,
            "traffic_duration_sec": self.traffic_duration_sec,
            "abort_on_load_failure": self.abort_on_load_failure,
            "stop_on_completion": self.stop_on_completion,
            "gate": self.gate.gate,
            "slo": None if self.slo is None else self.slo.slo,
        }
