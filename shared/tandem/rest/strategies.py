"""Parameters and views of load-test strategies."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from tandem.domain.paging import Page
from tandem.domain.ports import StrategyFilter
from tandem.domain.strategy import MAX_DURATION_SEC, MAX_ENGINES, Gate, LoadTestStrategy, Slo, duration_faults
from tandem.rest.changes import with_defaults
from tandem.rest.gate import GateView
from tandem.rest.paging import Paged, PageView, page_fields
from tandem.rest.parameters import Document, Flag, Identifier, NotNull, Number, Parameters, Part, Structure, Whole
from tandem.rest.views import Moment

Rate = Annotated[Number, Field(ge=0, le=1)]
Amount = Annotated[Number, Field(ge=0)]


class GateFields(Part):
    """When a load counts as real and healthy. What is left out, or null, is the default."""

    timeout_sec: Annotated[
        Whole, Field(ge=1, le=3600, description="Seconds since the engine took the load; longer than minSeconds.")
    ] = 60
    min_throughput: (
        Annotated[Number, Field(ge=0, description="Requests/s over the last 3 whole seconds; null: any.")] | None
    ) = None
    max_error_rate: (
        Annotated[
            Number,
            Field(ge=0, le=1, description="Over the last 3 whole seconds; default 0.5; 1 allows any."),
        ]
        | None
    ) = None
    min_samples: (
        Annotated[Whole, Field(ge=1, le=1_000_000, description="Requests of main thread groups; default 20.")] | None
    ) = None
    min_seconds: (
        Annotated[Whole, Field(ge=0, le=3599, description="Whole seconds in which requests ended; default 3.")] | None
    ) = None

    @property
    def gate(self) -> Gate:
        return Gate(self.timeout_sec, self.min_throughput, self.max_error_rate, self.min_samples, self.min_seconds)


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
Engines = Annotated[
    Whole,
    Field(
        ge=1,
        le=MAX_ENGINES,
        description="Engines that the load's threads are divided among; each takes its share at the same time. "
        "At most as many as the definition has threads.",
    ),
]
ExpectedErrorRate = Annotated[
    Number,
    Field(
        ge=0,
        le=1,
        description="What the system fails at most when nothing is wrong, 0..1: a baseline that fails more is not "
        "healthy. Without it 0.1; slo.maxErrorRate goes before both.",
    ),
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
    engines: Engines = 1
    expected_error_rate: ExpectedErrorRate | None = None

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
            "engines": self.engines,
            "expected_error_rate": self.expected_error_rate,
        }


class StrategyById(Parameters):
    """A strategy by its id."""

    synonyms: ClassVar[Mapping[str, str]] = {"strategyId": "id"}

    id: Annotated[Identifier, Field(description="The strategy's id; strategyId says the same.")]


class StrategyOfExperiment(Parameters):
    """The one strategy of an experiment."""

    experiment_id: Identifier


class StrategyChange(StrategyById):
    """Fields of a strategy to be changed: only those that are sent; null puts an optional one back."""

    null_clears: ClassVar[bool] = True

    definition_id: Annotated[Identifier | None, NotNull] = None
    experiment_id: Annotated[Identifier | None, NotNull] = None
    enable: Flag | None = None
    start_before_fault_sec: StartBeforeFault | None = None
    traffic_duration_sec: TrafficDuration | None = None
    abort_on_load_failure: Flag | None = None
    stop_on_completion: Flag | None = None
    gate: GateField | None = None
    slo: SloField | None = None
    engines: Engines | None = None
    expected_error_rate: ExpectedErrorRate | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """The domain's fields that change, with their new values."""
        sent = {name: getattr(self, name) for name in self.model_fields_set - {"id", "namespace"}}
        if self.gate is not None:
            sent["gate"] = self.gate.gate
        if self.slo is not None:
            sent["slo"] = self.slo.slo
        return with_defaults(LoadTestStrategy, sent)


class StrategyQuery(Paged):
    """Which strategies to list."""

    experiment_id: Identifier | None = None
    definition_id: Identifier | None = None
    enable: Flag | None = None

    @property
    def wanted(self) -> StrategyFilter:
        return StrategyFilter(self.experiment_id, self.definition_id, self.enable)


class SloView(Document):
    """What the experiment may cost."""

    max_p95_ms: float | None
    max_error_rate: float | None
    max_recovery_sec: float | None
    min_throughput_ratio: float | None


class StrategyView(Document):
    """A load-test strategy."""

    id: str
    enable: bool
    definition_id: str
    experiment_id: str
    start_before_fault_sec: int
    traffic_duration_sec: int
    abort_on_load_failure: bool
    stop_on_completion: bool
    gate: GateView
    slo: SloView | None
    engines: int
    expected_error_rate: float | None
    created_at: Moment
    updated_at: Moment

    @classmethod
    def of(cls, strategy: LoadTestStrategy) -> "StrategyView":
        slo = strategy.slo
        return cls.model_construct(
            id=strategy.strategy_id,
            enable=strategy.enable,
            definition_id=strategy.definition_id,
            experiment_id=strategy.experiment_id,
            start_before_fault_sec=strategy.start_before_fault_sec,
            traffic_duration_sec=strategy.traffic_duration_sec,
            abort_on_load_failure=strategy.abort_on_load_failure,
            stop_on_completion=strategy.stop_on_completion,
            gate=GateView.of(strategy.gate.bounds),
            slo=None
            if slo is None
            else SloView.model_construct(
                max_p95_ms=slo.max_p95_ms,
                max_error_rate=slo.max_error_rate,
                max_recovery_sec=slo.max_recovery_sec,
                min_throughput_ratio=slo.min_throughput_ratio,
            ),
            engines=strategy.engines,
            expected_error_rate=strategy.expected_error_rate,
            created_at=strategy.created_at,
            updated_at=strategy.updated_at,
        )


class StrategyPage(PageView[StrategyView]):
    """A page of strategies."""

    @classmethod
    def of(cls, page: Page[LoadTestStrategy]) -> "StrategyPage":
        return cls(**page_fields(page), data=[StrategyView.of(strategy) for strategy in page.items])
