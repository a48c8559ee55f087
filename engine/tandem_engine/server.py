"""One engine process from start to clean end: lock, socket, recovery, serving, shutdown."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Final

import uvicorn

from tandem_engine.api import Api
from tandem_engine.data_root import DataRoot
from tandem_engine.executions import Executions
from tandem_engine.jmeter_home import find_jmeter
from tandem_engine.settings import Settings

_log = logging.getLogger(__name__)

# A terminal that closes must not leave load running either.
_ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Server(uvicorn.Server):
    """Begins to end the runs as soon as a signal comes, so that their metrics streams and stops end too."""

    def __init__(self, config: uvicorn.Config, executions: Executions) -> None:
        super().__init__(config)
        self._executions = executions

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in _ENDING_SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            self.force_exit = True
            self._executions.hurry()
            return
        _log.info("shutting down", extra={"signal": signal.Signals(sig).name})
        self.should_exit = True
        asyncio.get_running_loop().run_in_executor(None, self._executions.begin_shutdown)


def serve(settings: Settings, environment: Mapping[str, str]) -> None:
    """Serve until a signal comes, then end every run. Raises NoJMeter, DataRootTaken, OSError when it cannot begin."""
    root = DataRoot(settings.data_dir)
    root.prepare()
    try:
        with _listen(settings) as listener:
            jmeter = find_jmeter(environment, root.cache)
            executions = Executions(root, jmeter, settings)
            executions.recover()
            config = uvicorn.Config(
                Api(root, executions, settings).application(),
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=25,
                timeout_keep_alive=30,
            )
            server = _Server(config, executions)
            host, port = listener.getsockname()[:2]
            _log.info(
                "engine is up",
                extra={"url": f"http://{host}:{port}", "data_root": str(root.path), "jmeter": jmeter.origin},
            )
            try:
                server.run(sockets=[listener])
            finally:
                executions.begin_shutdown()
                executions.finish_shutdown(build_dashboards=not server.force_exit)
        _log.info("engine is down")
    finally:
        root.release()


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    return socket.create_server((settings.host, settings.port), family=family, backlog=1024)
