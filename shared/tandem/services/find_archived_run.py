"""What the archive holds of a run, when it still holds."""

from datetime import timedelta

from tandem.domain.archive import (
    LINK_SECONDS,
    ArchivedFile,
    ArchivedRun,
    ArchiveLinks,
    ArchivePart,
    RunArchive,
    facts_of,
)
from tandem.domain.clock import Clock
from tandem.domain.errors import StorageUnavailable
from tandem.domain.experiment_run import ExperimentRun
from tandem.telemetry import LogEvent, warn


class FindArchivedRun:
    """A convenience, not a condition: whatever is wrong with the archive, the engine can still be asked."""

    def __init__(self, archive: RunArchive, clock: Clock) -> None:
        self._archive = archive
        self._clock = clock

    def __call__(self, run: ExperimentRun) -> ArchivedRun | None:
        """None for a run that goes on, that is not archived yet, or of which more became known since it was."""
        task = run.started_task
        if not task.status.ended:
            return None
        try:
            kept = self._archive.read(task.task_id)
        except StorageUnavailable as trouble:
            warn(LogEvent.ARCHIVE_UNAVAILABLE, task_id=task.task_id, reason=trouble.message)
            return None
        # Without figures the engine may know more by now.
        usable = kept is not None and kept.facts == facts_of(run) and kept.figures.results is not None
        return kept if usable else None

    def links(self, run: ExperimentRun, kept: ArchivedRun) -> ArchiveLinks:
        """Raises StorageUnavailable."""
        task = run.started_task
        urls = {
            file: self._archive.link(task.task_id, file, f"{task.task_id}-{file.name}")
            for file in sorted(kept.files | {ArchivedFile(ArchivePart.ANALYSIS)})
        }
        return ArchiveLinks(kept.archived_at, self._clock.now() + timedelta(seconds=LINK_SECONDS), urls)
