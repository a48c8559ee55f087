"""Parameters and views of what a load test left behind."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from tandem.domain.analysis_document import Json, window_document
from tandem.domain.archive import ArchivedFile, ArchiveLinks, ArchivePart
from tandem.domain.comparison import ComparedFigure, Outcome
from tandem.domain.fault_window import WindowSource
from tandem.domain.run_report import RunResults
from tandem.domain.samples import PhaseName
from tandem.domain.task import TaskStatus
from tandem.domain.timestamps import iso_utc
from tandem.domain.verdict_reasons import AdviceCode, ReasonCode, VerdictStatus
from tandem.rest.generator import GeneratorView
from tandem.rest.parameters import Document, Whole
from tandem.rest.parts import Parts, parts_of
from tandem.rest.tasks import TaskSelector

Stamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class TaskEventsSelector(TaskSelector):
    tail: Annotated[Whole, Field(ge=1, le=10_000, description="How many lines, the latest.")] = 100


class TimeseriesSelector(TaskSelector):
    bucket_ms: (
        Annotated[
            Whole, Field(ge=1, le=86_400_000, description="The wished width of a bucket, in ms; doubled if too small.")
        ]
        | None
    ) = None


class EventsView(Document):
    """``events`` are JSON texts with integer ``ts`` (epoch ms), ascending.

    ``missingParts``: the engines that could not be asked, whose lines are not among them.
    """

    execution_id: str | None
    events: list[str]
    missing_parts: list[str] = Field(default_factory=list)


class LatencyView(Document):
    """In ms; null for a group without samples."""

    mean: float | None
    min: int | None
    max: int | None
    p50: int | None
    p90: int | None
    p95: int | None
    p99: int | None


class SummaryView(Document):
    """The figures of a group of samples; errorRate is 0..1."""

    samples: int
    errors: int | None
    error_rate: float | None
    requests_per_sec: float | None
    latency: LatencyView
    received_bytes: int | None
    sent_bytes: int | None
    start: Stamp | None
    end: Stamp | None
    skipped_lines: int | None


class LabelView(SummaryView):
    """The figures of one label; ``transaction``: of a Transaction Controller, ``subResult``: of parts of requests.

    Neither are in other figures.
    """

    label: str
    transaction: bool
    sub_result: bool = False


class ChangeView(Document):
    """Against the baseline: ratios for p95 and requestsPerSec, the difference for errorRate."""

    p95: float | None
    error_rate: float | None
    requests_per_sec: float | None


class CorrectedView(Document):
    """Latencies in ms as they would be had the generator not waited for a service that stalled."""

    p95: float | None
    p99: float | None
    method: str


class PhaseView(SummaryView):
    """A phase's figures; ``change`` and ``corrected`` are absent where there is none."""

    name: PhaseName
    change: ChangeView | None = None
    corrected: CorrectedView | None = None

    @model_serializer(mode="wrap")
    def _leave_out_the_absent(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        shown: dict[str, Any] = whole(self)
        return {
            name: value for name, value in shown.items() if value is not None or name not in {"change", "corrected"}
        }


class ErrorKindView(Document):
    """How often one kind of error occurred."""

    code: str
    message: str
    count: int


class TopErrorsView(Document):
    """The commonest errors; ``others`` counts the rest."""

    kinds: list[ErrorKindView]
    others: int
    all_kinds_seen: bool


Value = bool | int | float | str | list[str] | None


class ReasonView(Document):
    """Why the verdict is what it is: the code and its values (docs/analysis.md), and the same as an English sentence.

    ``values`` is empty in runs that were archived before there were any.
    """

    code: ReasonCode
    values: dict[str, Value] = Field(default_factory=dict)
    message: str


class AdviceView(Document):
    """What can be done better next time."""

    code: AdviceCode
    message: str


class FaultWindowView(Document):
    """The window that the phases are cut by, and from what each bound is known; null: not known, or not over."""

    start: Stamp | None
    end: Stamp | None
    start_from: WindowSource | None
    end_from: WindowSource | None


class ToldByView(Document):
    """From what the bounds of the fault window are known; null: not known, or not over."""

    start: WindowSource | None
    end: WindowSource | None


class BasisView(Document):
    """What a verdict rests on: requests in BASELINE, FAULT and RECOVERY, and the baseline's error rate (0..1)."""

    samples: dict[PhaseName, int]
    baseline_error_rate: float | None
    window_told_by: ToldByView


class VerdictView(Document):
    """Whether the service stood the fault; null where it cannot be known."""

    status: VerdictStatus
    reasons: list[ReasonView]
    time_to_detect_sec: float | None
    time_to_recover_sec: float | None
    recovered: bool | None
    failed_requests: int | None
    throughput_deficit: float | None
    advice: list[AdviceView]
    basis: BasisView | None = None


class ArchivedFileView(Document):
    """A kept file and a link to it. Names: ``results.jtl.gz``, of a load's second engine ``results-2.jtl.gz``, ..."""

    name: str
    url: str


class ArchiveView(Document):
    """Links to the kept files, each good until ``expiresAt`` at the most; ask again for fresh ones.

    ``resultUrl`` and ``dashboardUrl`` are of the load's first engine; ``files`` are all, of every engine.
    """

    archived_at: Stamp
    expires_at: Stamp
    result_url: str | None
    analysis_url: str | None
    report_url: str | None
    dashboard_url: str | None
    files: list[ArchivedFileView]

    @classmethod
    def of(cls, links: ArchiveLinks) -> "ArchiveView":
        def first(part: ArchivePart) -> str | None:
            return links.urls.get(ArchivedFile(part))

        return cls.model_validate(
            {
                "archivedAt": iso_utc(links.archived_at),
                "expiresAt": iso_utc(links.expires_at),
                "resultUrl": first(ArchivePart.RESULTS),
                "analysisUrl": first(ArchivePart.ANALYSIS),
                "reportUrl": first(ArchivePart.REPORT),
                "dashboardUrl": first(ArchivePart.DASHBOARD),
                "files": [{"name": file.name, "url": url} for file, url in links.urls.items()],
            }
        )


class ComparedFigureView(Document):
    """One figure beside the earlier runs': ``usual`` is their median, ``margin`` the distance that counts."""

    figure: ComparedFigure
    outcome: Outcome
    value: float | None
    runs: int
    usual: float | None
    margin: float | None


class ComparisonView(Document):
    """Against earlier runs of the strategy; ``otherDefinitions`` were left out because their load was another."""

    outcome: Outcome
    runs: int
    other_definitions: int
    figures: list[ComparedFigureView]


class ResultsView(Document):
    """What a load test left behind. Everything that is not known (yet, or any more) is null.

    Of a load on several engines the figures are over all parts, ``executionId``, the paths and the engine's URLs of
    the first; ``parts`` has all. ``setUp`` and ``tearDown`` are the requests of such thread groups, which are in no
    other figure. ``untoldSamples`` counts requests whose thread fits no group of the plan: they count as load, as all
    do when ``groupsKnown`` is false.

    ``final`` is false while more is to come: the load goes on, its end is not confirmed, or an engine cannot be asked
    that may come back; then there is no verdict. ``missing`` says why there are no figures, ``missingParts`` names the
    engines whose share of the load is in none.
    """

    execution_id: str | None
    status: TaskStatus
    result_path: str | None
    report_path: str | None
    log_path: str | None
    parts: Parts
    result_url: str | None
    report_url: str | None
    endpoint: str | None
    fault_window: FaultWindowView
    summary: SummaryView | None
    labels: list[LabelView] | None
    other_labels: int | None
    phases: list[PhaseView] | None
    top_errors: TopErrorsView | None
    set_up: SummaryView | None = None
    tear_down: SummaryView | None = None
    untold_samples: int | None = None
    groups_known: bool | None = None
    verdict: VerdictView | None
    comparison: ComparisonView | None
    generator: GeneratorView | None = None
    archive: ArchiveView | None
    final: bool
    missing: str | None
    missing_parts: list[str]

    @classmethod
    def of(cls, results: RunResults) -> "ResultsView":
        run, told = results.run, results.on_engine
        task = run.started_task
        absent = dict.fromkeys(("summary", "labels", "otherLabels", "phases", "topErrors"))
        return cls.model_validate(
            {
                "executionId": task.execution_id,
                "status": task.status,
                "resultPath": task.result_path or (told.result_path if told else None),
                "reportPath": task.report_path or (told.report_path if told else None),
                "logPath": task.log_path or (told.log_path if told else None),
                "parts": parts_of(run),
                "resultUrl": results.result_url,
                "reportUrl": results.report_url,
                "endpoint": None if run.plan is None else run.plan.definition.endpoint,
                "faultWindow": window_document(run.fault_window),
                **(results.figures.results or absent),
                "verdict": results.figures.verdict,
                "comparison": results.figures.comparison,
                "generator": GeneratorView.of(run.generator),
                "archive": None if results.links is None else ArchiveView.of(results.links),
                "final": task.status.ended and results.figures.final,
                "missing": results.figures.missing,
                "missingParts": list(results.figures.missing_parts),
            }
        )


class BoundsView(Document):
    """When a phase was: from ``start`` to just before ``end``."""

    name: PhaseName
    start: Stamp
    end: Stamp


Series = list[tuple[int, float | None]]


class TimeseriesView(Document):
    """Series of [epoch ms of the bucket's start, value]: ms, percent, bytes/s, requests/s, threads.

    ``missingParts``: the engines whose share of the load is in none of them.
    """

    bucket_size_ms: int
    avg_latency: Series
    min_latency: Series
    max_latency: Series
    p90: Series
    p95: Series
    p99: Series
    success_rate: Series
    throughput_received: Series
    throughput_sent: Series
    throughput: Series
    active_threads: Series
    phases: list[BoundsView]
    missing_parts: list[str] = Field(default_factory=list)

    @classmethod
    def of(cls, series: Mapping[str, Json], missing_parts: Sequence[str] = ()) -> "TimeseriesView":
        return cls.model_validate({**series, "missingParts": list(missing_parts)})
