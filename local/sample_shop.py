"""A small system to put load on, beside the stack of `make up`: the demo's shop, for `make sample`."""

from __future__ import annotations

import contextlib
from types import TracebackType

import httpx

from local.demo.children import Child
from local.ports import PortInUse, choose
from local.settings import Settings

_READY_SECONDS = 30.0
_STOP_SECONDS = 5.0


class SampleShop:
    """Runs while the stack does, on its usual port or, when that is taken, on a free one; `make sample` finds it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cleanup = contextlib.ExitStack()
        self.url = ""

    def __enter__(self) -> SampleShop:
        """Raises DemoFailure when it does not start."""
        settings = self._settings
        try:
            port = choose(settings.shop_port, "TANDEM_SHOP_PORT")
        except PortInUse:
            port = choose(0, "TANDEM_SHOP_PORT")
        shop = Child("the sample shop", ["local.demo.shop", str(port)], settings.state_directory / "shop.log")
        self._cleanup.callback(shop.stop, _STOP_SECONDS)
        self.url = f"http://127.0.0.1:{port}"
        with httpx.Client(trust_env=False) as client:
            shop.wait_until_healthy(client, f"{self.url}/health", _READY_SECONDS)
        settings.shop_file.write_text(self.url, encoding="utf-8")
        self._cleanup.callback(settings.shop_file.unlink, missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()
