"""Ask the engine about one load, and take an error as an answer."""

from tandem.domain.engine_pool import LoadEngines
from tandem.domain.errors import EngineError
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.load_engine import StatusAnswer


def ask_status(engines: LoadEngines, run: ExperimentRun) -> StatusAnswer:
    """What the engine says of the run's load; None when it does not know it. Never raises an EngineError."""
    try:
        return engines.of(run.engine_name).status(run.started_task.execution_id or "")
    except EngineError as trouble:
        return trouble
