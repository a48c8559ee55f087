"""The local stack's settings: environment variables, all optional."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
MAX_SYNC_SECONDS = 900  # the longest DelaySeconds of SQS


class ServerKind(enum.StrEnum):
    """The database servers that can be started."""

    MYSQL = "mysql"
    MARIADB = "mariadb"


class SettingsError(Exception):
    """A setting has a value that it cannot have; the message names variable and rule."""


@dataclass(frozen=True)
class Settings:
    """All settings of one stack. Times are in seconds; port 0 takes a free one.

    `variables` is the user's environment: a variable that the template gives to a function is taken from here when
    it begins with TANDEM_. `engines` is how many are started, on ports from `engine_port` on.
    `database_server` is started for the stack, with its data in the state directory, and ended with it.
    `wait_scale` shortens Step Functions' waits and retries, for tests. `plain_log`: the functions log for people.
    """

    template: Path = PROJECT / "template.yaml"
    api_port: int = 7001
    aws_port: int = 5001
    engine_url: str | None = None
    engine_port: int = 8008
    shop_port: int = 9000
    start_engine: bool = True
    engines: int = 1
    database_url: str | None = None
    database_server: ServerKind | None = None
    sync_seconds: int = 30
    state_directory: Path = PROJECT / ".tandem"
    wait_scale: float = 1.0
    plain_log: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def shop_file(self) -> Path:
        """Where a running stack says at which URL its sample shop is."""
        return self.state_directory / "shop.url"

    @property
    def effective_database_url(self) -> str:
        """The given URL, or SQLite in the state directory."""
        return self.database_url or f"sqlite:///{self.state_directory / 'tandem.sqlite3'}"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Reads the settings; an empty variable counts as not set. Raises SettingsError."""
        default = cls()
        given = {name: value.strip() for name, value in environment.items() if value.strip()}
        directory = Path(given.get("TANDEM_STATE_DIR", default.state_directory))
        return cls(
            api_port=_integer(given, "TANDEM_API_PORT", default.api_port, 1, 65535),
            aws_port=_integer(given, "TANDEM_AWS_PORT", default.aws_port, 1, 65535),
            engine_url=given.get("TANDEM_ENGINE_URL"),
            engine_port=_integer(given, "TANDEM_ENGINE_PORT", default.engine_port, 1, 65535),
            shop_port=_integer(given, "TANDEM_SHOP_PORT", default.shop_port, 1, 65535),
            start_engine="TANDEM_ENGINE_URL" not in given,
            database_url=given.get("TANDEM_DATABASE_URL"),
            sync_seconds=_integer(given, "TANDEM_SYNC_SECONDS", default.sync_seconds, 1, MAX_SYNC_SECONDS),
            state_directory=directory.absolute(),
            variables=given,
        )


def _integer(given: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise SettingsError(f"{name} must be a whole number from {low} to {high}, not {text!r}")
    return int(text)
