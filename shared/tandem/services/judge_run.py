"""Judge the plan of a run once more, when its load is about to start."""

from collections.abc import Sequence

from tandem.domain.definition import LoadTestDefinition
from tandem.domain.errors import AppError, InvalidTestPlan, TooLarge
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.ports import Database
from tandem.domain.preflight_report import Finding
from tandem.domain.upload import Upload, UploadMissing
from tandem.services.judge_definition import JudgeDefinition, referred_uploads, shape_of
from tandem.telemetry import LogEvent, warn

LONGEST_REASON = 1000
"""Of all that refuses a plan, as many characters as its task says; the log has every code."""


class TestPlanRefused(AppError):
    """The load must not start; the message says every reason."""

    code = "TEST_PLAN_REFUSED"
    __test__ = False  # the name begins as pytest's classes do


class JudgeRun:
    def __init__(self, database: Database, judge: JudgeDefinition) -> None:
        self._database = database
        self._judge = judge

    def __call__(self, run: ExperimentRun) -> None:
        """Raises TestPlanRefused, UploadMissing, StorageUnavailable."""
        definition, strategy = run.required_plan.definition, run.required_plan.strategy
        shape = shape_of(definition, strategy.traffic_duration_sec, strategy.engines)
        try:
            report = self._judge(definition, self._uploads(definition), shape, starts=True)
        except (InvalidTestPlan, TooLarge) as unreadable:
            raise TestPlanRefused(f"the test plan cannot be read: {unreadable.message}") from unreadable
        if report.denials:
            codes = ", ".join(sorted({finding.code for finding in report.denials}))
            warn(LogEvent.PLAN_REFUSED, task_id=run.started_task.task_id, findings=codes)
            raise TestPlanRefused(f"the preflight refuses the test plan: {_listed(report.denials)}"[:LONGEST_REASON])

    def _uploads(self, definition: LoadTestDefinition) -> dict[str, Upload]:
        paths = {path for _, path, _ in referred_uploads(definition)}
        found = self._database.read(lambda uow: uow.uploads.get_many(definition.owner, paths)) if paths else {}
        missing = sorted(paths - found.keys())
        if missing:
            raise UploadMissing(f"the upload {missing[0]} does not exist any more")
        return dict(found)


def _listed(denials: Sequence[Finding]) -> str:
    return "; ".join(f"{finding.code}: {finding.path or finding.element}: {finding.message}" for finding in denials)
