"""The files of expired loads, on the engines that ran them."""

from tandem.domain.engine_pool import EngineNotInPool, LoadEngines
from tandem.domain.errors import EngineError, EngineRefused
from tandem.domain.housekeeping import ExpiredTask
from tandem.domain.load_engine import Deletion
from tandem.domain.load_part import LoadAddress
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
        # Every engine is asked, also behind one that has to wait.
        gone = [self._gone(load) for load in task.loads]
        return all(gone)

    def _gone(self, load: LoadAddress) -> bool:
        if load.engine in self._silent:
            self.waiting += 1
            return False
        if load.engine in self._cannot:
            self.kept += 1
            return True
        return self._ask(load)

    def _ask(self, load: LoadAddress) -> bool:
        try:
            said = self._engines.of(load.engine).delete_results(load.execution_id)
        except EngineNotInPool:
            self._cannot.add(load.engine)
            self.kept += 1
            return True
        except EngineRefused:
            # It calls the run not ended, or builds its dashboard: another day.
            self.waiting += 1
            return False
        except EngineError as trouble:
            warn(LogEvent.ENGINE_TROUBLE, engine=load.engine, reason=trouble.message)
            self._silent.add(load.engine)
            self.waiting += 1
            return False
        if said is Deletion.NOT_OFFERED:
            self._cannot.add(load.engine)
            self.kept += 1
        else:
            self.deleted += 1
        return True
