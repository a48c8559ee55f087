"""Strategies; a deleted one stays as a row whose ``live`` is NULL, so that a new one may take its place."""

from typing import Any

from sqlalchemy import Connection, Row, insert, select

from tandem.adapters.database import tables
from tandem.adapters.database.documents import SLO
from tandem.domain.identity import Owner
from tandem.domain.strategy import Gate, LoadTestStrategy


class SqlStrategies:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, strategy: LoadTestStrategy) -> None:
        values = {
            "strategy_id": strategy.strategy_id,
            "user_id": strategy.owner.user_id,
            "namespace": strategy.owner.namespace,
            "gmt_create": strategy.created_at,
            "live": 1,
        }
        self._connection.execute(insert(tables.strategy).values(**values, **_content(strategy)))

    def live_for_experiment(self, owner: Owner, experiment_id: str) -> LoadTestStrategy | None:
        """The one strategy of an experiment that was not deleted, enabled or not."""
        table = tables.strategy
        row = self._connection.execute(
            select(table).where(
                table.c.user_id == owner.user_id,
                table.c.namespace == owner.namespace,
                table.c.experiment_id == experiment_id,
                table.c.live == 1,
            )
        ).one_or_none()
        return None if row is None else _strategy(row)


def _content(strategy: LoadTestStrategy) -> dict[str, Any]:
    """The columns that an update may change."""
    return {
        "gmt_modified": strategy.updated_at,
        "enable": strategy.enable,
        "definition_id": strategy.definition_id,
        "experiment_id": strategy.experiment_id,
        "start_before_fault_sec": strategy.start_before_fault_sec,
        "traffic_duration_sec": strategy.traffic_duration_sec,
        "abort_on_load_failure": strategy.abort_on_load_failure,
        "stop_on_completion": strategy.stop_on_completion,
        "gate_timeout_sec": strategy.gate.timeout_sec,
        "gate_min_throughput": strategy.gate.min_throughput,
        "gate_max_error_rate": strategy.gate.max_error_rate,
        "slo": None if strategy.slo is None else SLO.dump_json(strategy.slo).decode(),
    }


def _strategy(row: Row[Any]) -> LoadTestStrategy:
    return LoadTestStrategy(
        strategy_id=row.strategy_id,
        owner=Owner(row.user_id, row.namespace),
        definition_id=row.definition_id,
        experiment_id=row.experiment_id,
        created_at=row.gmt_create,
        updated_at=row.gmt_modified,
        enable=bool(row.enable),
        start_before_fault_sec=row.start_before_fault_sec,
        traffic_duration_sec=row.traffic_duration_sec,
        abort_on_load_failure=bool(row.abort_on_load_failure),
        stop_on_completion=bool(row.stop_on_completion),
        gate=Gate(row.gate_timeout_sec, row.gate_min_throughput, row.gate_max_error_rate),
        slo=None if row.slo is None else SLO.validate_json(row.slo),
    )
