"""Our sweep as the function calls it, wired by bootstrap; what it sends to AWS arrives at once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from tandem.bootstrap import Application
from tandem.domain.limits import Limits
from tandem.domain.ports import StoredMessage
from tandem.services.deliver_messages import DeliverMessages
from tandem.settings import Settings


class _ArrivesAtOnce:
    """A MessageSender, Ticks and Workflows whose AWS answers before one has asked."""

    def send(self, messages: Sequence[StoredMessage]) -> list[str]:
        return [message.message_id for message in messages]

    def soon(self) -> None:
        """The bench decides when the next sweep is."""

    def start(self, name: str, payload: Mapping[str, object]) -> None:
        raise NotImplementedError("a sweep starts no workflow")

    def running(self, names: Iterable[str]) -> set[str]:
        return set(names)


def make_sweep(database_url: str, engine_url: str, tasks: int) -> Callable[[], tuple[int, int]]:
    """One sweep over up to ``tasks`` active tasks; it answers how many it looked at and how many it changed."""
    limits = Limits()
    limits = replace(limits, sweep_batch=max(limits.sweep_batch, tasks))
    application = Application(Settings(database_url=database_url, engine_url=engine_url, limits=limits))
    aws = _ArrivesAtOnce()
    deliver = DeliverMessages(application.database, aws, application.clock, limits)
    # In the place of what bootstrap would make when it is first asked for.
    vars(application).update(deliver=deliver, ticks=aws, workflows=aws)

    def sweep() -> tuple[int, int]:
        report = application.sync_tasks()
        return report.looked_at, report.changed

    return sweep
