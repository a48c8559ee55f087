"""The engine's settings: environment variables named ``TANDEM_ENGINE_*``, each with a default."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PREFIX = "TANDEM_ENGINE_"
_UNITS = {"k": 1024, "m": 1024**2, "g": 1024**3}
_HEAP = re.compile(r"[1-9][0-9]{0,11}[kKmMgG]")


class SettingsError(Exception):
    """A setting has a value that it cannot have; the text names the variable and the rule."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one engine process. Times are in seconds.

    ``token`` is not read here (``bearer_token.take_token``). ``hosts``: further names by which it may be called. A
    ``max_heap`` that is
    empty: as much as the machine has memory. ``min_free_bytes``: of the disk, for a run to start;
    half of it for one to go on. ``max_result_bytes``: of one run's result file.
    ``containment``: whether runs get users of their own: ``auto`` where that can be, ``required`` or no start, ``off``.
    """

    host: str = "127.0.0.1"
    port: int = 8008
    data_dir: Path = Path(".tandem/engine")
    max_runs: int = 4
    token: str | None = None
    default_heap: str = "1g"
    max_upload_bytes: int = 500 * 1024 * 1024
    duration_grace: int = 30
    report_heap: str = "768m"
    report_timeout: int = 900
    shutdown_report_wait: int = 10
    hosts: tuple[str, ...] = ()
    containment: str = "auto"
    max_heap: str = ""
    min_free_bytes: int = 512 * 1024 * 1024
    max_result_bytes: int = 10 * 1024**3

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings; an empty variable counts as not set. Raises SettingsError."""
        default = cls()
        return cls(
            host=_text(environment, "HOST", default.host),
            port=_integer(environment, "PORT", default.port, 0, 65535),
            data_dir=Path(_text(environment, "DATA_DIR", str(default.data_dir))),
            max_runs=_integer(environment, "MAX_RUNS", default.max_runs, 1, 1000),
            default_heap=_heap(environment, "DEFAULT_HEAP", default.default_heap),
            max_upload_bytes=_integer(environment, "MAX_UPLOAD_BYTES", default.max_upload_bytes, 1, 1 << 40),
            duration_grace=_integer(environment, "DURATION_GRACE", default.duration_grace, 1, 86400),
            report_heap=_heap(environment, "REPORT_HEAP", default.report_heap),
            report_timeout=_integer(environment, "REPORT_TIMEOUT", default.report_timeout, 1, 86400),
            shutdown_report_wait=_integer(environment, "SHUTDOWN_REPORT_WAIT", default.shutdown_report_wait, 0, 3600),
            hosts=tuple(filter(None, (name.strip().lower() for name in _text(environment, "HOSTS", "").split(",")))),
            containment=_one_of(environment, "CONTAINMENT", default.containment, ("auto", "required", "off")),
            max_heap=_heap(environment, "MAX_HEAP", default.max_heap),
            max_result_bytes=_integer(environment, "MAX_RESULT_BYTES", default.max_result_bytes, 1024, 1 << 49),
            min_free_bytes=_integer(environment, "MIN_FREE_BYTES", default.min_free_bytes, 0, 1 << 50),
        )


def is_heap_size(text: str) -> bool:
    """Whether the JVM takes the text as ``-Xmx``: digits and one of k, m, g."""
    return _HEAP.fullmatch(text) is not None


def bytes_of_heap(text: str) -> int:
    """The bytes of a heap size."""
    return int(text[:-1]) * _UNITS[text[-1].lower()]


def _text(environment: Mapping[str, str], name: str, default: str) -> str:
    return environment.get(_PREFIX + name, "").strip() or default


def _one_of(environment: Mapping[str, str], name: str, default: str, words: tuple[str, ...]) -> str:
    text = _text(environment, name, default)
    if text not in words:
        raise SettingsError(f"{_PREFIX}{name} must be one of {', '.join(words)}, not {text!r}")
    return text


def _integer(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = _text(environment, name, str(default))
    if not re.fullmatch(r"[0-9]{1,15}", text) or not least <= int(text) <= most:
        raise SettingsError(f"{_PREFIX}{name} must be a whole number from {least} to {most}, not {text!r}")
    return int(text)


def _heap(environment: Mapping[str, str], name: str, default: str) -> str:
    text = _text(environment, name, default)
    if text and not is_heap_size(text):
        raise SettingsError(f"{_PREFIX}{name} must be digits and k, m or g, such as 512m, not {text!r}")
    return text
