"""The engine's JSON shapes, lenient where a fault costs nothing and strict where one would mislead."""

from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any, TypeVar

import pydantic_core
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, ValidationError
from tandem_samples import GroupKind, ThreadGroup

from tandem.adapters.engine.figures_wire import CountsWire, OptionalGenerator, RecentWire, TopErrorWire
from tandem.domain.engine_capabilities import EngineCapabilities
from tandem.domain.errors import EngineAnsweredWrongly
from tandem.domain.live_metrics import LiveMetrics
from tandem.domain.load_engine import EngineEvent, EngineResults, EngineRun, EngineStatus, StartLoad

_LONGEST_ERROR_MESSAGE = 2000
_GROUP_KINDS = frozenset(GroupKind)


def _text_or_none(value: object) -> object:
    return value if isinstance(value, str) and value else None


OptionalText = Annotated[str | None, BeforeValidator(_text_or_none)]
NeededText = Annotated[str, Field(min_length=1, max_length=128)]
Count = Annotated[int, Field(ge=0, strict=True)]


def _groups_or_empty(value: object) -> object:
    """The groups of ``[{name, kind}]``; none of anything else, for without them all rows are load."""
    if not isinstance(value, list):
        return ()
    groups = list[ThreadGroup]()
    for each in value:
        name, kind = (each.get("name"), each.get("kind")) if isinstance(each, dict) else (None, None)
        if not isinstance(name, str) or kind not in _GROUP_KINDS:
            return ()
        groups.append(ThreadGroup(name, GroupKind(kind)))
    return tuple(groups)


OptionalGroups = Annotated[tuple[ThreadGroup, ...], BeforeValidator(_groups_or_empty)]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


_Shape = TypeVar("_Shape", bound=_Wire)


class RunWire(_Wire):
    """TestExecution; null members may be left out (trap 11)."""

    executionId: NeededText  # noqa: N815  # the names of the wire
    status: NeededText
    testName: OptionalText = None  # noqa: N815
    startTime: OptionalText = None  # noqa: N815
    endTime: OptionalText = None  # noqa: N815
    resultPath: OptionalText = None  # noqa: N815
    reportPath: OptionalText = None  # noqa: N815
    logPath: OptionalText = None  # noqa: N815
    errorMessage: OptionalText = None  # noqa: N815
    generator: OptionalGenerator = None
    threadGroups: OptionalGroups = ()  # noqa: N815

    def to_run(self, zone: tzinfo) -> EngineRun:
        return EngineRun(
            execution_id=self.executionId,
            status=status_of(self.status),
            raw_status=self.status,
            test_name=self.testName,
            started_at=utc_time(self.startTime, zone),
            ended_at=utc_time(self.endTime, zone),
            result_path=self.resultPath,
            report_path=self.reportPath,
            log_path=self.logPath,
            error_message=self.errorMessage[:_LONGEST_ERROR_MESSAGE] if self.errorMessage else None,
            generator=None if self.generator is None else self.generator.to_health(),
            thread_groups=self.threadGroups,
        )


class MetricsWire(_Wire):
    """MetricsSnapshot. The gate lives by these figures, so an impossible one spoils the answer.

    From ``recent`` on they are what our engine adds to the contract.
    """

    totalRequests: Count  # noqa: N815
    successCount: Count | None = None  # noqa: N815
    errorCount: Count | None = None  # noqa: N815
    errorRate: Annotated[FiniteFloat, Field(ge=0, le=1)] | None = None  # noqa: N815
    throughput: Annotated[FiniteFloat, Field(ge=0)] = 0.0
    activeThreads: Count = 0  # noqa: N815
    avgResponseTime: FiniteFloat = 0.0  # noqa: N815
    maxResponseTime: FiniteFloat = 0.0  # noqa: N815
    minResponseTime: FiniteFloat = 0.0  # noqa: N815
    timestamp: int | None = None
    recent: RecentWire | None = None
    wholeSeconds: Count | None = None  # noqa: N815
    topError: TopErrorWire | None = None  # noqa: N815
    setUp: CountsWire | None = None
    tearDown: CountsWire | None = None
    untoldSamples: Count | None = None  # noqa: N815
    groupsKnown: bool | None = None  # noqa: N815
    generator: OptionalGenerator = None

    def to_metrics(self) -> LiveMetrics:
        if self.errorCount is not None:
            errors = self.errorCount
        else:
            errors = self.totalRequests - self.successCount if self.successCount is not None else 0
        errors = min(max(errors, 0), self.totalRequests)
        rate = self.errorRate
        if rate is None:
            rate = errors / self.totalRequests if self.totalRequests else 0.0
        return LiveMetrics(
            total_requests=self.totalRequests,
            success_count=self.successCount if self.successCount is not None else self.totalRequests - errors,
            error_count=errors,
            error_rate=rate,
            throughput=self.throughput,
            active_threads=self.activeThreads,
            avg_response_ms=self.avgResponseTime,
            max_response_ms=self.maxResponseTime,
            min_response_ms=self.minResponseTime,
            at=_from_epoch_ms(self.timestamp),
            recent=None if self.recent is None else self.recent.to_recent(),
            whole_seconds=self.wholeSeconds,
            top_error=None if self.topError is None else self.topError.to_error(),
            set_up=None if self.setUp is None else self.setUp.to_counts(),
            tear_down=None if self.tearDown is None else self.tearDown.to_counts(),
            untold_samples=self.untoldSamples,
            groups_known=self.groupsKnown,
            generator=None if self.generator is None else self.generator.to_health(),
        )


class ResultsWire(_Wire):
    """The paths of a run's results."""

    executionId: NeededText  # noqa: N815
    status: OptionalText = None
    resultPath: OptionalText = None  # noqa: N815
    reportPath: OptionalText = None  # noqa: N815
    logPath: OptionalText = None  # noqa: N815
    resultUrl: OptionalText = None  # noqa: N815
    reportUrl: OptionalText = None  # noqa: N815

    def to_results(self, base_url: str) -> EngineResults:
        """``base_url``: engines may tell their URLs relative to themselves; ours are whole."""
        return EngineResults(
            execution_id=self.executionId,
            status=status_of(self.status or ""),
            result_path=self.resultPath,
            report_path=self.reportPath,
            log_path=self.logPath,
            result_url=_whole_url(base_url, self.resultUrl),
            report_url=_whole_url(base_url, self.reportUrl),
        )


def _whole_url(base_url: str, told: str | None) -> str | None:
    if told is None or told.startswith(("http://", "https://")):
        return told
    return f"{base_url.rstrip('/')}/{told.lstrip('/')}"


class CapabilitiesWire(_Wire):
    """What an engine can load. A list that is left out or null is not known; one that is no list spoils the answer."""

    engine: OptionalText = None
    engineVersion: OptionalText = None  # noqa: N815
    jmeterVersion: OptionalText = None  # noqa: N815
    javaVersion: OptionalText = None  # noqa: N815
    elements: frozenset[str] | None = None
    functions: frozenset[str] | None = None
    plugins: tuple[str, ...] | None = None
    protocols: tuple[str, ...] | None = None
    features: frozenset[str] = frozenset()

    def to_capabilities(self) -> EngineCapabilities:
        return EngineCapabilities(
            engine=self.engine,
            engine_version=self.engineVersion,
            jmeter_version=self.jmeterVersion,
            java_version=self.javaVersion,
            elements=self.elements,
            functions=self.functions,
            plug_ins=self.plugins,
            protocols=self.protocols,
            features=self.features,
        )


class UploadWire(_Wire):
    """FileUploadResult: only where the file is now matters."""

    uploadPath: Annotated[str, Field(min_length=1, max_length=1024)]  # noqa: N815


def read(shape: type[_Shape], data: Any, doing: str) -> _Shape:
    """``data`` in its shape. Raises ``EngineAnsweredWrongly`` naming the first member that is wrong."""
    try:
        return shape.model_validate(data)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "data"
        raise EngineAnsweredWrongly(f"the engine's answer to {doing}: {where}: {first['msg']}") from exc


def read_runs(data: Any, zone: tzinfo) -> list[EngineRun]:
    """The runs of a list; an item that is none is left out, so that it spoils no other."""
    if not isinstance(data, list):
        raise EngineAnsweredWrongly("the engine's answer to listing runs holds no list")
    runs = []
    for item in data:
        try:
            runs.append(RunWire.model_validate(item).to_run(zone))
        except ValidationError:
            continue
    return runs


def read_events(data: Any) -> list[EngineEvent]:
    """Event lines in time order; a line that is no JSON object keeps its text."""
    if data is None:
        return []
    if not isinstance(data, list):
        raise EngineAnsweredWrongly("the engine's answer to reading events holds no list")
    events = [_event(line if isinstance(line, str) else pydantic_core.to_json(line).decode()) for line in data]
    return sorted(events, key=lambda event: event.at_ms)


def _event(line: str) -> EngineEvent:
    try:
        parsed = pydantic_core.from_json(line)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        return EngineEvent(0, "", line, line)
    at, kind, message = parsed.get("ts"), parsed.get("type"), parsed.get("message")
    return EngineEvent(
        at_ms=at if isinstance(at, int) and not isinstance(at, bool) else 0,
        type=kind if isinstance(kind, str) else "",
        message=message if isinstance(message, str) else "",
        raw=line,
    )


def start_body(request: StartLoad) -> bytes:
    """TestExecutionRequest; what is ``None`` or empty is left out."""
    members: dict[str, object] = {
        "testPlanPath": request.plan_path,
        "testName": request.test_name,
        "description": request.description,
        "threads": request.threads,
        "loops": request.loops,
        "rampUp": request.ramp_up,
        "duration": request.duration,
        "timeout": request.timeout,
        "heapSize": request.heap_size,
        "properties": dict(request.properties) or None,
        "jvmArgs": dict(request.jvm_args) or None,
        "files": [{"path": file.path, "name": file.name} for file in request.files] or None,
        "respectLoops": request.respect_loops,
        "setUpLimitSec": request.set_up_limit,
        "tearDownLimitSec": request.tear_down_limit,
    }
    return pydantic_core.to_json({name: value for name, value in members.items() if value is not None})


def status_of(word: str) -> EngineStatus:
    """The state for the engine's word, whatever its case; UNKNOWN for one that we do not know."""
    try:
        return EngineStatus(word.strip().upper())
    except ValueError:
        return EngineStatus.UNKNOWN


def utc_time(text: str | None, zone: tzinfo) -> datetime | None:
    """An ISO 8601 time as aware UTC; without an offset it is in ``zone`` (trap 1). ``None`` when it is no time."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        return (at.replace(tzinfo=zone) if at.tzinfo is None else at).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _from_epoch_ms(at: int | None) -> datetime | None:
    if at is None:
        return None
    try:
        return datetime.fromtimestamp(at / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def relative_to_data_root(upload_path: str) -> str:
    """``/data/uploads/testplans/x.jmx`` as ``uploads/testplans/x.jmx``, which is what a start takes."""
    _, mark, rest = upload_path.rpartition("/uploads/")
    return f"uploads/{rest}" if mark else upload_path
