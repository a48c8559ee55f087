"""Where the demo plays: the local stack and the shop, as child processes on free ports, with their logs."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType

import httpx

from local.demo.children import Child
from local.demo.failure import DemoFailure
from local.ports import choose
from local.settings import Settings

_STACK_READY_SECONDS = 120.0
_SHOP_READY_SECONDS = 30.0
_TARGET_SECONDS = 10.0
# The stack gives the engine 30 s for its runs, and itself some more.
_STACK_STOP_SECONDS = 60.0
_SHOP_STOP_SECONDS = 5.0


class Stage:
    """Everything that the demo starts. `shop` None: the user brings the system under test."""

    def __init__(self, settings: Settings, target: str | None) -> None:
        self.client = httpx.Client(trust_env=False)
        self.directory = settings.state_directory / "demo"
        self.stack_log = self.directory / "stack.log"
        self.api_url = self.aws_url = ""
        self.engine_url = settings.engine_url or ""
        self.engine_directory = None if settings.engine_url else self.directory / "engine"
        self.shop_url: str | None = None
        self._settings = settings
        self._given_target = target
        self._children = contextlib.ExitStack()
        self._watched: list[Child] = []

    @property
    def target(self) -> str:
        """The system under test. Raises DemoFailure before there is one."""
        found = self._given_target or self.shop_url
        if found is None:
            raise DemoFailure("the shop was not started")
        return found

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self.client.close()

    def open(self) -> None:
        """Starts all, and returns when it is ready. Raises DemoFailure or PortInUse."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if self._given_target is None:
            self._start_shop()
        else:
            self._find_target(self._given_target)
        self._start_stack()

    def place_of(self, result_path: str | None) -> Path | None:
        """A result file on this machine; None when the engine is the user's own, or there is no file."""
        return None if self.engine_directory is None or not result_path else self.engine_directory / result_path

    def must_live(self) -> None:
        """Raises DemoFailure when a child has ended."""
        for child in self._watched:
            child.must_live()

    def close(self) -> None:
        """Ends the stack, which ends its engine and the engine its runs; then the shop. Harmless when all is ended."""
        self._watched.clear()
        self._children.close()

    def _find_target(self, target: str) -> None:
        """Any answer will do: what is right for the user's system, the demo cannot know."""
        try:
            self.client.get(target, timeout=_TARGET_SECONDS)
        except httpx.TransportError as exc:
            raise DemoFailure(f"nothing answers at TARGET {target}: {exc}") from exc

    def _start_shop(self) -> None:
        port = choose(0, "the shop")
        self.shop_url = f"http://127.0.0.1:{port}"
        log = self.directory / "shop.log"
        shop = self._start(Child("the demo shop", ["local.demo.shop", str(port)], log), _SHOP_STOP_SECONDS)
        shop.wait_until_healthy(self.client, f"{self.shop_url}/health", _SHOP_READY_SECONDS)

    def _start_stack(self) -> None:
        ports = {
            "TANDEM_API_PORT": _port("TANDEM_API_PORT", self._settings.api_port),
            "TANDEM_AWS_PORT": _port("TANDEM_AWS_PORT", self._settings.aws_port),
            "TANDEM_ENGINE_PORT": _port("TANDEM_ENGINE_PORT", self._settings.engine_port),
        }
        self.api_url = f"http://127.0.0.1:{ports['TANDEM_API_PORT']}"
        self.aws_url = f"http://127.0.0.1:{ports['TANDEM_AWS_PORT']}"
        self.engine_url = self.engine_url or f"http://127.0.0.1:{ports['TANDEM_ENGINE_PORT']}"
        variables = {name: str(port) for name, port in ports.items()} | {"TANDEM_STATE_DIR": str(self.directory)}
        database = self._settings.database_server
        command = ["local", "up", "--no-shop", *([] if database is None else ["--database", str(database)])]
        stack = Child("the local stack", command, self.stack_log, variables)
        self._start(stack, _STACK_STOP_SECONDS)
        stack.wait_until_healthy(self.client, f"{self.api_url}/health", _STACK_READY_SECONDS)

    def _start(self, child: Child, stop_seconds: float) -> Child:
        self._children.callback(child.stop, stop_seconds)
        self._watched.append(child)
        return child


def _port(setting: str, usual: int) -> int:
    """The port that the user asked for, else a free one: `make up` and other demos may have the usual one any moment.

    Raises PortInUse.
    """
    return choose(usual if os.environ.get(setting, "").strip() else 0, setting)
