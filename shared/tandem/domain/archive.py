"""What is kept of an ended run, apart from the engine: its samples, figures, report and dashboard.

Each run has one place of its own, so to keep it again changes nothing. ``analysis.json`` is written last: where it is,
everything that it names is there.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from tandem.domain.analysis_document import Json, window_document
from tandem.domain.experiment_run import ExperimentRun, Outcome

LINK_SECONDS = 3600
"""How long a link to a kept file is good."""


class ArchivePart(StrEnum):
    """What is kept of a run, each under the name of its (first) file."""

    RESULTS = "results.jtl.gz"
    ANALYSIS = "analysis.json"
    REPORT = "report.html"
    DASHBOARD = "dashboard.zip"

    @property
    def content_type(self) -> str:
        return _CONTENT_TYPES[self]


_CONTENT_TYPES = {
    ArchivePart.RESULTS: "application/gzip",
    ArchivePart.ANALYSIS: "application/json",
    ArchivePart.REPORT: "text/html; charset=utf-8",
    ArchivePart.DASHBOARD: "application/zip",
}


class ArchivedFile(NamedTuple):
    """A file of a kept run. Of RESULTS and DASHBOARD there is one from each engine of its load, numbered from 1."""

    part: ArchivePart
    number: int = 1

    @property
    def name(self) -> str:
        """``results.jtl.gz``, ``results-2.jtl.gz``, ..."""
        stem, dot, ending = self.part.partition(".")
        return self.part.value if self.number == 1 else f"{stem}-{self.number}{dot}{ending}"

    @classmethod
    def named(cls, name: str) -> "ArchivedFile":
        """The file of that name. Raises ValueError when none is named so."""
        stem, dot, ending = name.partition(".")
        first, dash, number = stem.partition("-")
        found = cls(ArchivePart(first + dot + ending), int(number) if dash else 1)
        if found.name != name:
            raise ValueError(f"{name!r} is not how a kept file is named")
        return found


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What the samples of a run say, as the documents of the API (``analysis_document.py``).

    ``results`` and ``timeseries`` are None when there is no readable result file, and then ``missing`` says why.
    ``verdict`` is None while more is to come (not ``final``), and for a load that never ran; ``comparison`` until it is
    archived. ``missing_parts`` are the engines whose share of the load is in none of the figures.
    """

    results: Mapping[str, Json] | None
    timeseries: Mapping[str, Json] | None
    verdict: Mapping[str, Json] | None
    missing: str | None = None
    comparison: Mapping[str, Json] | None = None
    missing_parts: tuple[str, ...] = ()
    final: bool = True


@dataclass(frozen=True, slots=True)
class ArchivedRun:
    """A kept run. ``facts`` are those that the figures rest on besides the samples; ``files`` are beside it.

    ``result_url`` and ``report_url`` are where the engine served its files; ``events`` is the run's story.
    """

    archived_at: datetime
    facts: Mapping[str, Json]
    files: frozenset[ArchivedFile]
    figures: RunFigures
    events: Sequence[str]
    result_url: str | None
    report_url: str | None


@dataclass(frozen=True, slots=True)
class ArchiveLinks:
    """Addresses of a kept run's files, good until ``expires_at`` at the most."""

    archived_at: datetime
    expires_at: datetime
    urls: Mapping[ArchivedFile, str]


def facts_of(run: ExperimentRun) -> dict[str, Json]:
    """What an analysis rests on besides the samples: when they differ from a kept run's, its figures are outdated.

    What is not so in a plain run is left out, so that runs which were kept before it was known stay as they are.
    """
    facts: dict[str, Json] = {"faultWindow": dict(window_document(run.fault_window)), "loadProven": run.load_was_proven}
    if run.outcome is Outcome.FAILED:
        facts["experimentFailed"] = True
    if run.stop_pending:
        facts["stopConfirmed"] = False
    if run.removed_engines:
        facts["removedEngines"] = list(run.removed_engines)
    return facts


class RunArchive(Protocol):
    """Where ended runs are kept. Raises StorageUnavailable when it cannot be reached."""

    def read(self, task_id: str) -> ArchivedRun | None:
        """What is kept of a run; None when it is not (yet, or any more), or is not understood."""
        ...

    def write(self, task_id: str, kept: ArchivedRun) -> None:
        """Keep a run, once all its files are there."""
        ...

    def holds(self, task_id: str, file: ArchivedFile) -> bool: ...

    def put(self, task_id: str, file: ArchivedFile, content: Iterable[bytes]) -> None:
        """Store a file in pieces, never holding it whole; all of it appears at once, or nothing."""
        ...

    def samples(self, task_id: str, number: int) -> Iterator[bytes] | None:
        """The kept result file of one part of the load, unpacked, in pieces; None when there is none."""
        ...

    def link(self, task_id: str, file: ArchivedFile, saved_as: str) -> str:
        """An address from which the file can be fetched for LINK_SECONDS, to be saved under that name."""
        ...
