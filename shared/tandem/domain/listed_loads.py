"""Our loads among an engine's runs: the test name carries the task id, and comes back in the engine's list (trap 5)."""

from collections.abc import Sequence

from tandem.domain.load_engine import EngineRun

NAME_PREFIX = "tandem "


def name_of(task_id: str) -> str:
    """The test name under which an engine runs a task's load."""
    return f"{NAME_PREFIX}{task_id}"


def loads_by_task(listed: Sequence[EngineRun]) -> dict[str, EngineRun]:
    """The runs of ours by task id; of two of one task the one that goes on, else the newer one."""
    ours: dict[str, EngineRun] = {}
    for run in listed:
        if run.test_name is not None and run.test_name.startswith(NAME_PREFIX):
            task_id = run.test_name.removeprefix(NAME_PREFIX)
            if task_id not in ours or (ours[task_id].status.is_ended and not run.status.is_ended):
                ours[task_id] = run
    return ours
