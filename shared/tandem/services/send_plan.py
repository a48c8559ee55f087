"""Bring a definition's plan, and the data files that go with it, to the engine."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from tandem_samples import ThreadGroup

from tandem.domain.definition import Entry, LoadTestDefinition
from tandem.domain.errors import InvalidTestPlan, TooLarge
from tandem.domain.identity import Owner
from tandem.domain.load_engine import LoadEngine
from tandem.domain.ports import Database, ObjectStore
from tandem.domain.upload import UPLOAD_SCHEME, Upload, UploadMissing
from tandem.domain.url_plan import UrlPlan, UrlPlanWriter
from tandem.telemetry import LogEvent, warn


class DataFileLinker(Protocol):
    """Points a plan's CSV data sets at where the engine stored their files; every other byte stays as it is."""

    def __call__(self, open_plan: Callable[[], Iterable[bytes]], links: Mapping[str, str]) -> Iterable[bytes]: ...


class ThreadGroupReader(Protocol):
    """Reads the enabled thread groups of a plan. Raises InvalidTestPlan, TooLarge."""

    def __call__(self, chunks: Iterable[bytes]) -> tuple[ThreadGroup, ...]: ...


class SendPlan:
    """Sends plan and data files in pieces; a plan that already is on the engine is left there."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        write_url_plan: UrlPlanWriter,
        link_data_files: DataFileLinker,
        read_thread_groups: ThreadGroupReader,
    ) -> None:
        self._database = database
        self._objects = objects
        self._write_url_plan = write_url_plan
        self._link_data_files = link_data_files
        self._read_thread_groups = read_thread_groups

    def __call__(self, engine: LoadEngine, definition: LoadTestDefinition, threads: int, duration_sec: int) -> str:
        """The plan's path on the engine, which is to run so many threads of it.

        Raises UploadMissing, StorageUnavailable and the engine's errors.
        """
        if definition.entry is Entry.URL:
            return engine.upload_plan(
                f"{definition.definition_id}.jmx", [self._written(definition, threads, duration_sec)]
            )
        reference = definition.content_ref or ""
        if not reference.startswith(UPLOAD_SCHEME):
            return reference
        plan = self._upload(definition.owner, reference)
        links = {
            data.original_file_name: engine.upload_data_file(data.file_name, self._objects.read(data.object_key))
            for data in (self._upload(definition.owner, path) for path in definition.data_files)
        }
        content = self._link_data_files(lambda: self._objects.read(plan.object_key), links)
        return engine.upload_plan(plan.file_name, content)

    def thread_groups(self, definition: LoadTestDefinition) -> tuple[ThreadGroup, ...]:
        """The thread groups of the plan; none of one that lies on the engine, or cannot be read from here.

        Raises UploadMissing, StorageUnavailable.
        """
        reference = definition.content_ref or ""
        try:
            if definition.entry is Entry.URL:
                return self._read_thread_groups([self._written(definition, 1, 1)])
            if not reference.startswith(UPLOAD_SCHEME):
                return ()
            return self._read_thread_groups(self._objects.read(self._upload(definition.owner, reference).object_key))
        except (InvalidTestPlan, TooLarge) as unreadable:
            warn(LogEvent.PLAN_UNREADABLE, definition_id=definition.definition_id, reason=unreadable.message)
            return ()

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
