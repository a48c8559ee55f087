"""The files of expired loads, on the engines that ran them."""

from tandem.domain.engine_pool import EngineNotInPool, LoadEngines
from tandem.domain.errors import EngineError, EngineRefused
from tandem.domain.housekeeping import ExpiredTask
from tandem.domain.load_engine import Deletion
from tandem.telemetry import LogEvent, warn


class DeleteResults:
    """One clean-up's deletions. ``deleted``: loads whose files are gone; ``kept``: whose engine cannot delete, or is no
    more; ``waiting``: whose engine gave no usable answer, or has not let go of them yet.
    """

    def __init__(self, engines: LoadEngines) -> None:
        self._engines = engines
        self._silent = set[str]()
        self._cannot = set[str]()
        self.deleted = self.kept = self.waiting = 0

    def __call__(self, task: ExpiredTask) -> bool:
        """Whether the task's row may go: nothing is left of its load that the row could still lead to."""
        if task.execution_id is None:
            return True
        if task.engine in self._silent:
            self.waiting += 1
            return False
        if task.engine in self._cannot:
            self.kept += 1
            return True
        return self._ask(task, task.execution_id)

    def _ask(self, task: ExpiredTask, execution_id: str) -> bool:
        try:
            said = self._engines.of(task.engine).delete_results(execution_id)
        except EngineNotInPool:
            self._cannot.add(task.engine)
            self.kept += 1
            return True
        except EngineRefused:
            # It calls the run not ended, or builds its dashboard: another day.
            self.waiting += 1
            return False
        except EngineError as trouble:
            warn(LogEvent.ENGINE_TROUBLE, engine=task.engine, reason=trouble.message)
            self._silent.add(task.engine)
            self.waiting += 1
            return False
        if said is Deletion.NOT_OFFERED:
            self._cannot.add(task.engine)
            self.kept += 1
        else:
            self.deleted += 1
        return True
