"""Bring a definition's plan, and the files that go with it, to the engine."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from tandem.domain.definition import Entry, LoadTestDefinition
from tandem.domain.errors import InvalidTestPlan, TooLarge
from tandem.domain.identity import Owner
from tandem.domain.load_engine import FileBeside, LoadEngine
from tandem.domain.plan_shape import PlanShape, PlanShapeReader
from tandem.domain.ports import Database, ObjectStore
from tandem.domain.upload import UPLOAD_SCHEME, Upload, UploadMissing
from tandem.domain.url_plan import UrlPlan, UrlPlanWriter
from tandem.telemetry import LogEvent, warn

LONGEST_NAME_BYTES = 255


class DataFileLinker(Protocol):
    """Points a plan's CSV data sets at where the engine stored their files; every other byte stays as it is."""

    def __call__(self, open_plan: Callable[[], Iterable[bytes]], links: Mapping[str, str]) -> Iterable[bytes]: ...


@dataclass(frozen=True, slots=True)
class SentPlan:
    """``path``: the plan on the engine. ``files``: what is to lie beside it, where the engine can do that."""

    path: str
    files: tuple[FileBeside, ...] = ()


class SendPlan:
    """Sends plan and files in pieces; a plan that already is on the engine is left there.

    An engine that lays files beside the plan finds them by their own names. One that cannot finds its CSV data sets
    all the same: the plan names the uploaded file, which our engine turns back into the name.
    """

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        write_url_plan: UrlPlanWriter,
        link_data_files: DataFileLinker,
        read_shape: PlanShapeReader,
    ) -> None:
        self._database = database
        self._objects = objects
        self._write_url_plan = write_url_plan
        self._link_data_files = link_data_files
        self._read_shape = read_shape

    def __call__(self, engine: LoadEngine, definition: LoadTestDefinition, threads: int, duration_sec: int) -> SentPlan:
        """The plan as the engine has it, which is to run so many threads of it.

        Raises UploadMissing, StorageUnavailable and the engine's errors.
        """
        if definition.entry is Entry.URL:
            written = self._written(definition, threads, duration_sec)
            return SentPlan(engine.upload_plan(f"{definition.definition_id}.jmx", [written]))
        reference = definition.content_ref or ""
        if not reference.startswith(UPLOAD_SCHEME):
            return SentPlan(reference)
        plan = self._upload(definition.owner, reference)
        files = tuple(
            FileBeside(engine.upload_data_file(data.file_name, self._objects.read(data.object_key)), _name_beside(data))
            for data in (self._upload(definition.owner, path) for path in definition.data_files)
        )
        links = {file.name: file.path for file in files}
        content = self._link_data_files(lambda: self._objects.read(plan.object_key), links)
        return SentPlan(engine.upload_plan(plan.file_name, content), files)

    def shape_of(self, definition: LoadTestDefinition) -> PlanShape:
        """The thread groups of the plan; none of one that lies on the engine, or cannot be read from here.

        Raises UploadMissing, StorageUnavailable.
        """
        reference = definition.content_ref or ""
        try:
            if definition.entry is Entry.URL:
                return self._read_shape([self._written(definition, 1, 1)], definition.all_properties)
            if not reference.startswith(UPLOAD_SCHEME):
                return PlanShape()
            content = self._objects.read(self._upload(definition.owner, reference).object_key)
            return self._read_shape(content, definition.all_properties)
        except (InvalidTestPlan, TooLarge) as unreadable:
            warn(LogEvent.PLAN_UNREADABLE, definition_id=definition.definition_id, reason=unreadable.message)
            return PlanShape()

    def _written(self, definition: LoadTestDefinition, threads: int, duration_sec: int) -> bytes:
        if definition.url_case is None:
            raise UploadMissing(f"definition {definition.definition_id} has no urlCase")
        return self._write_url_plan(
            UrlPlan(
                name=definition.name,
                endpoint=definition.endpoint,
                case=definition.url_case,
                threads=threads,
                ramp_up_sec=definition.ramp_up,
                loops=definition.loops,
                duration_sec=duration_sec,
            )
        )

    def _upload(self, owner: Owner, path: str) -> Upload:
        found = self._database.read(lambda uow: uow.uploads.get(owner, path))
        if found is None:
            raise UploadMissing(f"the upload {path} does not exist any more")
        return found


def _name_beside(data: Upload) -> str:
    """The name by which the plan calls a file; one that no file system takes cannot be in use."""
    name = data.original_file_name
    return name if name and len(name.encode()) <= LONGEST_NAME_BYTES else data.file_name
