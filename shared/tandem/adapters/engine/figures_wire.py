"""The figures that our engine adds to the contract's shapes: strict where a gate is judged by them."""

from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from tandem.domain.generator_health import GeneratorHealth
from tandem.domain.live_metrics import GroupCounts, RecentFigures, TopError

_LONGEST_TEXT = 300

Count = Annotated[int, Field(ge=0, strict=True)]
Amount = Annotated[FiniteFloat, Field(ge=0)]
Rate = Annotated[FiniteFloat, Field(ge=0, le=1)]


def _text(value: object) -> object:
    """A text that is too long is cut: it is shown to people, and nothing is judged by it."""
    return value[:_LONGEST_TEXT] if isinstance(value, str) else ""


Text = Annotated[str, BeforeValidator(_text)]


class _Figures(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class RecentWire(_Figures):
    """Of the last whole seconds before the snapshot."""

    seconds: Amount
    samples: Count
    errors: Count = 0
    errorRate: Rate | None = None  # noqa: N815  # the names of the wire
    requestsPerSec: Amount = 0.0  # noqa: N815
    p95: Amount | None = None

    def to_recent(self) -> RecentFigures:
        errors = min(self.errors, self.samples)
        rate = self.errorRate
        if rate is None:
            rate = errors / self.samples if self.samples else 0.0
        return RecentFigures(self.seconds, self.samples, errors, rate, self.requestsPerSec, self.p95)


class TopErrorWire(_Figures):
    """The most frequent error so far."""

    code: Text = ""
    message: Text = ""
    count: Count

    def to_error(self) -> TopError:
        return TopError(self.code, self.message, self.count)


class CountsWire(_Figures):
    """Of set-up or tear-down groups."""

    samples: Count
    errors: Count = 0

    def to_counts(self) -> GroupCounts:
        return GroupCounts(self.samples, self.errors)


class GeneratorWire(_Figures):
    """How the engine's JMeter fares."""

    cores: Count | None = None
    cpuMean: Amount | None = None  # noqa: N815
    cpuMax: Amount | None = None  # noqa: N815
    heapUsedBytes: Count | None = None  # noqa: N815
    heapMaxBytes: Count | None = None  # noqa: N815
    gcSeconds: Amount | None = None  # noqa: N815
    gcShare: Amount | None = None  # noqa: N815
    gcLongestMs: Amount | None = None  # noqa: N815
    threadDeaths: Count = 0  # noqa: N815
    outOfMemory: Count = 0  # noqa: N815
    firstDeath: Text | None = None  # noqa: N815
    droppedConnections: Count = 0  # noqa: N815

    def to_health(self) -> GeneratorHealth:
        return GeneratorHealth(
            cores=self.cores,
            cpu_mean=self.cpuMean,
            cpu_max=self.cpuMax,
            heap_used_bytes=self.heapUsedBytes,
            heap_max_bytes=self.heapMaxBytes,
            gc_seconds=self.gcSeconds,
            gc_share=self.gcShare,
            gc_longest_ms=self.gcLongestMs,
            thread_deaths=self.threadDeaths,
            out_of_memory=self.outOfMemory,
            first_death=self.firstDeath or None,
            dropped_connections=self.droppedConnections,
        )


def _or_none(value: object, handler: ValidatorFunctionWrapHandler) -> GeneratorWire | None:
    try:
        return handler(value)  # type: ignore[no-any-return]
    except ValidationError:
        # A state or a gate's figures must not be lost with it.
        return None


OptionalGenerator = Annotated[GeneratorWire | None, WrapValidator(_or_none)]
