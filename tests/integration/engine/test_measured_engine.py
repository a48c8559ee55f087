"""What is measured of calls to an engine: how long each took, and whether its answer was of use."""

import pytest
from tandem.adapters.engine.client import HttpLoadEngine
from tandem.adapters.engine.measured import ERRORS, LATENCY, MeasuredEngine
from tandem.adapters.engine.settings import EngineSettings
from tandem.domain.errors import EngineRefused, EngineUnavailable
from tandem.domain.load_engine import StartLoad
from tandem.domain.measurements import EngineCall

from tests.fakes.meter import RememberingMeter
from tests.fakes.trap_engine import TrapEngine


def test_each_call_is_measured_by_its_kind_and_none_is_added() -> None:
    meter = RememberingMeter()
    with TrapEngine() as fake:
        engine = MeasuredEngine(HttpLoadEngine(EngineSettings(fake.url)), meter)
        path = engine.upload_plan("plan.jmx", [b"<x/>"])
        run = engine.start(StartLoad("tandem ldtask_1", path, threads=1, duration=60))
        assert engine.status(run.execution_id) is not None
        assert engine.survey([run.execution_id], 2.0).answers.keys() == {run.execution_id}
        assert [each.execution_id for each in engine.list_runs()] == [run.execution_id]
        engine.events(run.execution_id, 10)
        engine.stop(run.execution_id)
        assert engine.health()
        asked = len(fake.calls)
    kinds = [call for _, call in meter.recorded]
    status = EngineCall.STATUS
    assert kinds == [
        EngineCall.FILE,
        EngineCall.START,
        status,
        status,
        status,
        EngineCall.READ,
        EngineCall.STOP,
        status,
    ]
    assert len(kinds) == asked
    assert sum(meter.values_of(ERRORS)) == 0
    assert all(0 < milliseconds < 60_000 for milliseconds in meter.values_of(LATENCY))


def test_no_usable_answer_is_an_error_and_a_refusal_is_none() -> None:
    meter = RememberingMeter()
    with TrapEngine() as fake:
        engine = MeasuredEngine(HttpLoadEngine(EngineSettings(fake.url)), meter)
        with pytest.raises(EngineRefused), engine.open_result_file("results/none/results.jtl"):
            pass
    assert meter.values_of(ERRORS) == [0]
    with pytest.raises(EngineUnavailable):
        engine.list_runs()
    assert engine.health() is False
    answers = engine.survey(["0a1b2c3d", "1a1b2c3d"], 2.0).answers
    assert len(answers) == 2
    assert meter.values_of(ERRORS) == [0, 1, 1, 1]
