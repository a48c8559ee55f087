"""By an operator's hand: list the engines of the pool, add, change, drain, activate or remove one."""

from collections.abc import Mapping
from typing import Any

from tandem.bootstrap import application
from tandem.triggers.engine_commands import EngineCommand, shown


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    command = EngineCommand.model_validate(event)
    return shown(application().manage_engines(command.action, command.entry, force=command.force))
