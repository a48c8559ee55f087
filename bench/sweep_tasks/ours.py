"""Our sweep as the function calls it, wired by bootstrap; what it sends to AWS arrives at once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Engine
from tandem.adapters.database.connections import Connections, open_engine
from tandem.adapters.database.transactions import SqlDatabase
from tandem.bootstrap import Application
from tandem.domain.limits import Limits
from tandem.domain.ports import StoredMessage
from tandem.domain.sweep_shard import SweepShard
from tandem.services.deliver_messages import DeliverMessages
from tandem.settings import Settings

from tests.factories.statements import counted_statements


class _ArrivesAtOnce:
    """A MessageSender, Ticks and Workflows whose AWS answers before one has asked."""

    def send(self, messages: Sequence[StoredMessage]) -> list[str]:
        return [message.message_id for message in messages]

    def soon(self) -> None:
        """The bench decides when the next sweep is."""

    def split(self, shards: Sequence[SweepShard]) -> bool:
        return False

    def start(self, name: str, payload: Mapping[str, object]) -> None:
        raise NotImplementedError("a sweep starts no workflow")

    def running(self, names: Iterable[str]) -> set[str]:
        return set(names)


def make_application(database_url: str, engine_url: str, limits: Limits) -> tuple[Application, Engine]:
    """The application of one copy of the function, and the database engine through which its messages are handed on."""
    application = Application(Settings(database_url=database_url, engine_url=engine_url, limits=limits))
    aws = _ArrivesAtOnce()
    messages = open_engine(Connections(database_url))
    deliver = DeliverMessages(SqlDatabase(messages), aws, application.clock, limits)
    # In the place of what bootstrap would make when it is first asked for.
    vars(application).update(deliver=deliver, ticks=aws, workflows=aws)
    return application, messages


def make_sweep(database_url: str, engine_url: str, tasks: int) -> Callable[[], tuple[int, int, int]]:
    """One sweep over up to ``tasks`` active tasks.

    It answers how many it looked at, how many it changed, and how many statements went to hand its messages on.
    """
    limits = Limits()
    limits = replace(limits, sweep_batch=max(limits.sweep_batch, tasks))
    application, messages = make_application(database_url, engine_url, limits)

    def sweep() -> tuple[int, int, int]:
        with counted_statements(messages) as handing_on:
            report = application.sync_tasks()
        return report.looked_at, report.changed, len(handing_on)

    return sweep
