"""Judge what a definition would run, as it lies in the store now: its plan, and the fragments that go along."""

from collections.abc import Mapping

from tandem.domain.definition import Entry, LoadTestDefinition, UrlCase
from tandem.domain.engine_capabilities import CapabilitiesOfEngines
from tandem.domain.errors import InvalidTestPlan
from tandem.domain.file_name import has_plan_extension
from tandem.domain.plan_facts import PlanFacts, PlanReader
from tandem.domain.ports import ObjectStore
from tandem.domain.preflight import Engines, judge, judge_unread
from tandem.domain.preflight_case import LoadShape
from tandem.domain.preflight_policy import PreflightPolicy
from tandem.domain.preflight_report import PreflightReport
from tandem.domain.upload import UPLOAD_SCHEME, Upload, UploadKind
from tandem.domain.url_plan import UrlPlan, UrlPlanWriter


class JudgeDefinition:
    """Reads in pieces; nothing is written."""

    def __init__(
        self,
        objects: ObjectStore,
        read_plan: PlanReader,
        write_url_plan: UrlPlanWriter,
        policy: PreflightPolicy,
        capabilities: CapabilitiesOfEngines,
    ) -> None:
        self._objects = objects
        self._read_plan = read_plan
        self._write_url_plan = write_url_plan
        self._policy = policy
        self._capabilities = capabilities

    def __call__(
        self, definition: LoadTestDefinition, uploads: Mapping[str, Upload], shape: LoadShape, *, starts: bool = False
    ) -> PreflightReport:
        """The report. ``uploads``: the plan's and the data files', by path; ``starts``: the load would begin now.

        Raises InvalidTestPlan naming the field, TooLarge, UploadMissing, StorageUnavailable.
        """
        if is_on_engine(definition):
            return judge_unread(definition.content_ref or "", self._policy, shape)
        return judge(
            self._facts(definition, uploads),
            self._policy,
            _properties(definition),
            definition.endpoint,
            [uploads[path].original_file_name for path in definition.data_files],
            shape,
            Engines(self._capabilities.by_engine(), starts=starts),
        )

    def _facts(self, definition: LoadTestDefinition, uploads: Mapping[str, Upload]) -> PlanFacts:
        if definition.entry is Entry.URL:
            return self._read_plan([self._written(definition)])
        facts = self._read(uploads[definition.content_ref or ""], "contentRef", fragment=False)
        for index, path in enumerate(definition.data_files):
            if has_plan_extension(uploads[path].file_name):
                facts = facts.including(self._read(uploads[path], f"dataFiles.{index}", fragment=True))
        return facts

    def _read(self, upload: Upload, field: str, *, fragment: bool) -> PlanFacts:
        try:
            return self._read_plan(self._objects.read(upload.object_key), fragment=fragment)
        except InvalidTestPlan as refused:
            raise refused.at(field) from refused

    def _written(self, definition: LoadTestDefinition) -> bytes:
        return self._write_url_plan(
            UrlPlan(
                name=definition.name,
                endpoint=definition.endpoint,
                case=definition.url_case or UrlCase(),
                threads=definition.threads,
                ramp_up_sec=definition.ramp_up,
                loops=definition.loops,
                duration_sec=1,
            )
        )


def referred_uploads(definition: LoadTestDefinition) -> list[tuple[str, str, UploadKind]]:
    """The field, the path and the kind of every upload that a definition names."""
    wanted = [("dataFiles", path, UploadKind.DATA) for path in definition.data_files]
    if definition.entry is Entry.JMX and not is_on_engine(definition):
        wanted.append(("contentRef", definition.content_ref or "", UploadKind.PLAN))
    return wanted


def is_on_engine(definition: LoadTestDefinition) -> bool:
    """Whether the plan lies on the engine, where nobody here can read it."""
    return definition.entry is Entry.JMX and not (definition.content_ref or "").startswith(UPLOAD_SCHEME)


def shape_of(definition: LoadTestDefinition, duration_sec: int | None = None, engines: int = 1) -> LoadShape:
    """The load that a definition asks for, with what only a strategy says."""
    return LoadShape(
        threads=definition.threads,
        ramp_up_sec=definition.ramp_up,
        duration_sec=duration_sec,
        engines=engines,
        respect_loops=definition.respect_loops,
        heap_size=definition.heap_size,
    )


def _properties(definition: LoadTestDefinition) -> Mapping[str, str]:
    """What reaches the plan: the definition's own properties, and those that the engine makes of the load's shape."""
    return {
        **definition.plan_properties,
        "threads": str(definition.threads),
        "rampUp": str(definition.ramp_up),
        "loops": str(definition.engine_loops),
    }
