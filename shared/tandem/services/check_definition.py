"""Say before a definition is stored whether it may run: its files are the owner's, and the policy allows its plan."""

from collections.abc import Mapping

from tandem.domain.definition import Entry, LoadTestDefinition, UrlCase
from tandem.domain.definition_rules import definition_faults
from tandem.domain.errors import FieldFault, InvalidTestPlan, InvalidValue
from tandem.domain.plan_facts import PlanFacts, PlanReader
from tandem.domain.ports import Database, ObjectStore
from tandem.domain.preflight import judge
from tandem.domain.preflight_policy import CodePolicy, PreflightPolicy
from tandem.domain.preflight_report import TestPlanDenied
from tandem.domain.upload import UPLOAD_SCHEME, Upload, UploadKind, UploadMissing
from tandem.domain.url_plan import UrlPlan, UrlPlanWriter

_CALLED = {UploadKind.PLAN: "a test plan", UploadKind.DATA: "a data file"}


class CheckDefinition:
    """Reads the plan where it lies, in pieces; nothing is written."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        read_plan: PlanReader,
        write_url_plan: UrlPlanWriter,
        policy: PreflightPolicy,
    ) -> None:
        self._database = database
        self._objects = objects
        self._read_plan = read_plan
        self._write_url_plan = write_url_plan
        self._policy = policy

    def __call__(self, definition: LoadTestDefinition) -> None:
        """Raises InvalidValue, UploadMissing (somebody else's too), TestPlanDenied, StorageUnavailable."""
        faults = definition_faults(definition)
        if faults:
            raise InvalidValue("One or more parameters are wrong.", faults)
        if definition.entry is Entry.JMX and not (definition.content_ref or "").startswith(UPLOAD_SCHEME):
            self._check_plan_on_engine(definition)
            return
        uploads = self._uploads(definition)
        names = [uploads[path].original_file_name for path in definition.data_files]
        if len(set(names)) != len(names):
            raise InvalidValue(
                "One or more parameters are wrong.",
                [FieldFault("dataFiles", "must not hold two files of the same name: the plan could not tell them")],
            )
        report = judge(
            self._facts(definition, uploads),
            self._policy,
            _properties(definition),
            definition.endpoint,
            data_files=names,
        )
        if report.denials:
            raise TestPlanDenied("contentRef" if definition.entry is Entry.JMX else "urlCase", report.denials)

    def _facts(self, definition: LoadTestDefinition, uploads: Mapping[str, Upload]) -> PlanFacts:
        if definition.entry is Entry.JMX:
            plan = uploads[definition.content_ref or ""]
            try:
                return self._read_plan(self._objects.read(plan.object_key))
            except InvalidTestPlan as refused:
                raise refused.at("contentRef") from refused
        written = UrlPlan(
            name=definition.name,
            endpoint=definition.endpoint,
            case=definition.url_case or UrlCase(),
            threads=definition.threads,
            ramp_up_sec=definition.ramp_up,
            loops=definition.loops,
            duration_sec=1,
        )
        return self._read_plan([self._write_url_plan(written)])

    def _check_plan_on_engine(self, definition: LoadTestDefinition) -> None:
        """Such a plan cannot be read from here: under a strict policy it cannot be let through unseen."""
        limit = self._policy.max_threads
        if limit is not None and definition.threads > limit:
            raise InvalidValue(
                "One or more parameters are wrong.", [FieldFault("threads", f"must be at most {limit} by the policy")]
            )
        if self._policy.targets is not None or self._policy.code is CodePolicy.DENY:
            raise InvalidValue(
                "One or more parameters are wrong.",
                [FieldFault("contentRef", "must be an uploaded plan: the policy wants to read it before it runs")],
            )

    def _uploads(self, definition: LoadTestDefinition) -> Mapping[str, Upload]:
        """The plan's and the data files' uploads, by path."""
        wanted = [("dataFiles", path, UploadKind.DATA) for path in definition.data_files]
        if definition.entry is Entry.JMX:
            wanted.append(("contentRef", definition.content_ref or "", UploadKind.PLAN))
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


def _properties(definition: LoadTestDefinition) -> Mapping[str, str]:
    """What reaches the plan: the definition's own properties, and those that the engine makes of the load's shape."""
    return {
        **definition.plan_properties,
        "threads": str(definition.threads),
        "rampUp": str(definition.ramp_up),
        "loops": str(definition.engine_loops),
    }
