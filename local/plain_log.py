"""The log of `make up` for people: one short line an entry, and nothing of sweeps that changed nothing."""

from __future__ import annotations

import logging
import sys

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# moto tells an execution that was ended as an error of its interpreter, with the whole syntax tree.
_INTERPRETER = "moto.stepfunctions"


class PlainLines(logging.Formatter):
    """`12:00:01 WARNING no_enabled_strategy  experiment_task_id=et-1  reason=...`, time of day in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        at = self.formatTime(record, "%H:%M:%S")
        facts = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        shown = "".join(f"  {name}={value}" for name, value in facts.items())
        line = f"{at} {record.levelname:<7} {record.getMessage()}{shown}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


class _WorthALine(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if record.getMessage() != "sweep_done":
            return True
        return any(getattr(record, name, 0) for name in ("changed", "engine_silent", "delivered"))


def use_plain_lines() -> None:
    """Log of this process: from WARNING on, our own from INFO on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("local").setLevel(logging.INFO)


def show_functions_plainly() -> None:
    """The functions' logger, which is made when they are loaded, writes for CloudWatch otherwise."""
    for handler in logging.getLogger("tandem").handlers:
        handler.setFormatter(PlainLines())
        handler.addFilter(_WorthALine())


def hush_interrupted_executions() -> None:
    """The stack is being stopped: that its executions are interrupted is no news."""
    logging.getLogger(_INTERPRETER).setLevel(logging.CRITICAL)
