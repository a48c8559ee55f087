"""A task's story as lines: the engine's events and our own audit trail, in the order of time."""

import json
from collections.abc import Mapping, Sequence

from tandem.domain.audit import AuditEntry, AuditKind
from tandem.domain.load_engine import EngineEvent
from tandem.domain.timestamps import epoch_ms


def merged_events(
    ours: Sequence[AuditEntry], engines: Mapping[str, Sequence[EngineEvent]], tail: int, since_ms: int
) -> list[str]:
    """The last ``tail`` lines, each a JSON object with an integer ``ts`` (epoch ms), ascending.

    ``engines`` are the events by engine. A line of the only engine stays as it is when it has a time; of several, each
    line names its engine. A line without a time is put at ``since_ms``.
    """
    lines = [(epoch_ms(entry.at), _our_line(entry)) for entry in ours]
    for name, events in engines.items():
        for event in events:
            stamp = event.at_ms or since_ms
            if len(engines) > 1:
                line = event_line(stamp, event.type or "ENGINE", event.message, engine=name)
            else:
                line = event.raw if event.at_ms else event_line(stamp, event.type or "ENGINE", event.message)
            lines.append((stamp, line))
    return [line for _, line in sorted(lines, key=lambda each: each[0])[-tail:]]


def _our_line(entry: AuditEntry) -> str:
    kind = f"TASK_{entry.to_status}" if entry.kind is AuditKind.TRANSITION else f"TASK_{entry.kind}"
    return event_line(epoch_ms(entry.at), kind, entry.reason)


def event_line(stamp: int, kind: str, message: str, **more: str) -> str:
    """One line of a story; ``stamp`` in epoch ms."""
    return json.dumps({"ts": stamp, "type": kind, "message": message, **more}, ensure_ascii=False)
