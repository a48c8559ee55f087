"""The 30-second sync of everything that is not settled."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tandem.bootstrap import application
from tandem.triggers.ticks import is_extra


def handler(event: Mapping[str, Any], context: object) -> dict[str, object]:
    report = application().sync_tasks(extra=is_extra(event))
    if not report.skipped:
        application().meter.record({"SweepSeconds": report.seconds, "TasksSwept": report.looked_at})
    return asdict(report)
