"""Ask the engines about one load, and take an error as an answer."""

from collections.abc import Mapping

from tandem.domain.engine_pool import LoadEngines
from tandem.domain.errors import EngineError
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.load_engine import EngineRun, StatusAnswer
from tandem.domain.load_part import LoadPart


def ask_status(engines: LoadEngines, part: LoadPart) -> StatusAnswer:
    """What the engine says of this part of a load; None when it does not know it. Never raises an EngineError."""
    try:
        return engines.of(part.engine).status(part.execution_id or "")
    except EngineError as trouble:
        return trouble


def ask_all(engines: LoadEngines, run: ExperimentRun) -> Mapping[str, StatusAnswer]:
    """What each engine says of its part of the run's load, all asked at the same time."""
    parts = {part.engine: part for part in run.load_parts if part.over_at is None}
    return engines.side_by_side(list(parts), lambda name: ask_status(engines, parts[name]))


def first_trouble(answers: Mapping[str, StatusAnswer]) -> str | None:
    """Why it is not certain that all of the load is there; None when it is."""
    for name, answer in answers.items():
        where = f" (engine {name})" if len(answers) > 1 else ""
        if isinstance(answer, EngineError):
            return answer.message + where
        if not isinstance(answer, EngineRun):
            return "it does not know the execution" + where
    return None
