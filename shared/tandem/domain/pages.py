"""The pages that people see: the report of a run, and the console."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol


class ReportWriter(Protocol):
    """Writes the report of a run as one HTML page that needs nothing from elsewhere.

    ``report`` is JSON: the documents of the API, and what the page needs besides (``rest/report.py``). ``language`` is
    that of the page's first words; the reader can switch.
    """

    def __call__(self, report: Mapping[str, object], language: str) -> str: ...


class ConsolePart(StrEnum):
    """The files of the console: the page names the other three."""

    PAGE = "page"
    STYLE = "style"
    CHARTS = "charts"
    SCRIPT = "script"


class ConsoleFiles(Protocol):
    """The text of each file of the console."""

    def __call__(self, part: ConsolePart) -> str: ...
