"""The private directory in which one JMeter works: the copy of its plan, and the files that go along, by their names.

A plan's relative paths lead here, also those of its listeners; the engine's own files of the run lie elsewhere, under a
name that no plan can know. The directory goes when the run has ended.
"""

import os
import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tandem_engine.data_root import DataRoot
from tandem_engine.execution_request import FileBeside

ORPHAN_AGE: Final = 86_400
"""Seconds after which an upload for one run that no start has taken is deleted."""

_STORED_NAME: Final = re.compile(r".*_[0-9]{8}_[0-9]{6}_[0-9a-f]{8}\.[^.]+")


def fill(directory: Path, plan: Path, files: Iterable[tuple[FileBeside, Path]], root: DataRoot) -> None:
    """Make the directory and put into it what goes along. Raises OSError."""
    directory.mkdir(parents=True)
    for file, source in files:
        target = directory / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        place(source, target)
    if not plan.is_relative_to(root.once):
        _link_neighbours(plan, directory)


def place(source: Path, target: Path) -> None:
    """Put a file in its place without copying its bytes where the file system allows. Raises OSError."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _link_neighbours(plan: Path, directory: Path) -> None:
    """A plan that somebody laid on the engine finds what was laid beside it; uploads are nobody's neighbours."""
    for neighbour in plan.parent.iterdir():
        if neighbour.name.startswith(".") or _STORED_NAME.fullmatch(neighbour.name) or neighbour == plan:
            continue
        target = directory / neighbour.name
        if not target.exists():
            target.symlink_to(neighbour)


def remove(directory: Path) -> None:
    """Delete a run's directory, whatever the plan left in it. What is gone already is fine. Raises OSError."""
    if directory.is_dir() and not directory.is_symlink():
        shutil.rmtree(directory)
    else:
        directory.unlink(missing_ok=True)


def delete_orphans(root: DataRoot, now: float | None = None) -> int:
    """Delete uploads for one run that no start took within a day; how many. Raises OSError."""
    oldest = (time.time() if now is None else now) - ORPHAN_AGE
    orphans = [each for each in root.once.iterdir() if each.lstat().st_mtime < oldest]
    for orphan in orphans:
        orphan.unlink(missing_ok=True)
    return len(orphans)
