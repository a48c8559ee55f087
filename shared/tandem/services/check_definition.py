"""Say before a definition is stored whether it may run: its files are the owner's, and the policy allows its plan."""

from collections.abc import Mapping

from tandem.domain.definition import Entry, LoadTestDefinition
from tandem.domain.definition_rules import definition_faults
from tandem.domain.errors import FieldFault, InvalidValue
from tandem.domain.ports import Database
from tandem.domain.preflight_policy import PreflightPolicy
from tandem.domain.preflight_report import PreflightReport, Severity, TestPlanDenied
from tandem.domain.upload import Upload, UploadKind, UploadMissing
from tandem.services.judge_definition import JudgeDefinition, is_on_engine, referred_uploads, shape_of
from tandem.telemetry import LogEvent, log

_CALLED = {UploadKind.PLAN: "a test plan", UploadKind.DATA: "a data file"}


class CheckDefinition:
    """Reads the plan where it lies, in pieces; nothing is written."""

    def __init__(self, database: Database, judge: JudgeDefinition, policy: PreflightPolicy) -> None:
        self._database = database
        self._judge = judge
        self._policy = policy

    def __call__(self, definition: LoadTestDefinition) -> PreflightReport:
        """What is found that does not refuse it.

        Raises InvalidValue, UploadMissing (somebody else's too), TestPlanDenied, StorageUnavailable.
        """
        faults = definition_faults(definition)
        if faults:
            raise InvalidValue("One or more parameters are wrong.", faults)
        if is_on_engine(definition):
            self._check_plan_on_engine(definition)
        uploads = self._uploads(definition)
        names = [uploads[path].original_file_name for path in definition.data_files]
        if len(set(names)) != len(names):
            raise InvalidValue(
                "One or more parameters are wrong.",
                [FieldFault("dataFiles", "must not hold two files of the same name: the plan could not tell them")],
            )
        report = self._judge(definition, uploads, shape_of(definition))
        codes = sorted({finding.code for finding in report.findings if finding.severity is not Severity.OK})
        log(
            LogEvent.DEFINITION_JUDGED,
            definition_id=definition.definition_id,
            status=report.status,
            findings=", ".join(codes),
        )
        if report.denials:
            raise TestPlanDenied("contentRef" if definition.entry is Entry.JMX else "urlCase", report.denials)
        return report

    def _check_plan_on_engine(self, definition: LoadTestDefinition) -> None:
        """Such a plan cannot be read from here: under a strict policy it cannot be let through unseen."""
        limit = self._policy.max_threads
        if limit is not None and definition.threads > limit:
            raise InvalidValue(
                "One or more parameters are wrong.", [FieldFault("threads", f"must be at most {limit} by the policy")]
            )
        if self._policy.wants_to_read:
            raise InvalidValue(
                "One or more parameters are wrong.",
                [FieldFault("contentRef", "must be an uploaded plan: the policy wants to read it before it runs")],
            )

    def _uploads(self, definition: LoadTestDefinition) -> Mapping[str, Upload]:
        """The plan's and the data files' uploads, by path."""
        wanted = referred_uploads(definition)
        paths = {path for _, path, _ in wanted}
        found = self._database.read(lambda uow: uow.uploads.get_many(definition.owner, paths)) if paths else {}
        missing = [path for _, path, _ in wanted if path not in found]
        if missing:
            raise UploadMissing(f"There is no upload {missing[0]!r}.")
        faults = [
            FieldFault(field, f"{path} is not {_CALLED[kind]}")
            for field, path, kind in wanted
            if found[path].kind is not kind
        ]
        if faults:
            raise InvalidValue("One or more parameters are wrong.", faults)
        return found
