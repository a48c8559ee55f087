"""Strategies; a deleted one stays as a row whose ``live`` is NULL, so that a new one may take its place."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, insert, select, update

from tandem.adapters.database import tables
from tandem.adapters.database.documents import SLO
from tandem.domain.identity import Owner
from tandem.domain.paging import Page, PageRequest
from tandem.domain.ports import StrategyFilter
from tandem.domain.strategy import Gate, LoadTestStrategy

_TABLE = tables.strategy


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
        self._connection.execute(insert(_TABLE).values(**values, **_content(strategy)))

    def get(self, owner: Owner, strategy_id: str) -> LoadTestStrategy | None:
        return self._one(_live(owner).where(_TABLE.c.strategy_id == strategy_id))

    def lock(self, owner: Owner, strategy_id: str) -> LoadTestStrategy | None:
        """As ``get``, and nobody deletes or changes it before this transaction ends."""
        return self._one(_live(owner).where(_TABLE.c.strategy_id == strategy_id).with_for_update())

    def live_for_experiment(self, owner: Owner, experiment_id: str) -> LoadTestStrategy | None:
        """The one strategy of an experiment that was not deleted, enabled or not."""
        return self._one(_live(owner).where(_TABLE.c.experiment_id == experiment_id))

    def enabled(self, limit: int) -> list[LoadTestStrategy]:
        """The first enabled strategies of all owners."""
        query = select(_TABLE).where(_TABLE.c.live == 1, _TABLE.c.enable).order_by(_TABLE.c.id).limit(limit)
        return [_strategy(row) for row in self._connection.execute(query)]

    def using(self, definition_id: str, limit: int) -> Page[LoadTestStrategy]:
        """The first live strategies that use a definition, and how many there are."""
        return self._page([_TABLE.c.definition_id == definition_id, _TABLE.c.live == 1], PageRequest(1, limit))

    def page(self, owner: Owner, wanted: StrategyFilter, page: PageRequest) -> Page[LoadTestStrategy]:
        """One page of an owner's strategies, newest first, in two statements."""
        conditions = _owned(owner)
        for column, value in (
            (_TABLE.c.experiment_id, wanted.experiment_id),
            (_TABLE.c.definition_id, wanted.definition_id),
            (_TABLE.c.enable, wanted.enable),
        ):
            if value is not None:
                conditions.append(column == value)
        return self._page(conditions, page)

    def save(self, strategy: LoadTestStrategy) -> None:
        self._change(strategy.strategy_id, _content(strategy))

    def delete(self, strategy_id: str, now: datetime) -> None:
        self._change(strategy_id, {"gmt_modified": now, "live": None})

    def _change(self, strategy_id: str, values: dict[str, Any]) -> None:
        changed = update(_TABLE).where(_TABLE.c.strategy_id == strategy_id, _TABLE.c.live == 1)
        self._connection.execute(changed.values(**values))

    def _page(self, conditions: Sequence[ColumnElement[bool]], page: PageRequest) -> Page[LoadTestStrategy]:
        total = self._connection.execute(select(func.count()).select_from(_TABLE).where(*conditions)).scalar_one()
        rows = self._connection.execute(
            select(_TABLE).where(*conditions).order_by(_TABLE.c.id.desc()).limit(page.size).offset(page.offset)
        )
        return Page(page, total, [_strategy(row) for row in rows])

    def _one(self, query: Select[Any]) -> LoadTestStrategy | None:
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _strategy(row)


def _owned(owner: Owner) -> list[ColumnElement[bool]]:
    return [_TABLE.c.user_id == owner.user_id, _TABLE.c.namespace == owner.namespace, _TABLE.c.live == 1]


def _live(owner: Owner) -> Select[Any]:
    return select(_TABLE).where(*_owned(owner))


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
        "gate_min_samples": strategy.gate.min_samples,
        "gate_min_seconds": strategy.gate.min_seconds,
        "slo": None if strategy.slo is None else SLO.dump_json(strategy.slo).decode(),
        "engines": strategy.engines,
        "expected_error_rate": strategy.expected_error_rate,
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
        gate=Gate(
            row.gate_timeout_sec,
            row.gate_min_throughput,
            row.gate_max_error_rate,
            row.gate_min_samples,
            row.gate_min_seconds,
        ),
        slo=None if row.slo is None else SLO.validate_json(row.slo),
        engines=row.engines,
        expected_error_rate=row.expected_error_rate,
    )
