"""One engine process from start to clean end: lock, socket, recovery, serving, shutdown."""

import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Final

import uvicorn

from tandem_engine.api import Api
from tandem_engine.capabilities import Capabilities
from tandem_engine.containment import NOT_CONTAINED, Containment, NotContained, contain
from tandem_engine.data_root import DataRoot
from tandem_engine.executions import Executions
from tandem_engine.jmeter_home import JMeter, find_jmeter
from tandem_engine.settings import Settings

_log = logging.getLogger(__name__)

# A terminal that closes must not leave load running either.
_ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Server(uvicorn.Server):
    """Leaves the signals to ``_Ending``."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Ending:
    """Turns signals into the end of the engine, at any time of its life: the first gently, the second at once.

    The work is done in threads of its own: a signal handler may have interrupted a holder of the locks it needs.
    """

    def __init__(self) -> None:
        self.asked = 0
        self._executions: Executions | None = None
        self._server: _Server | None = None
        for number in _ENDING_SIGNALS:
            signal.signal(number, self._on_signal)
        # Where our parent ignores it, so do we, and then nobody can learn how a JMeter ended.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    def watch(self, executions: Executions, server: _Server) -> None:
        """From here on there is something to end; a signal that came before counts."""
        self._executions, self._server = executions, server
        if self.asked:
            self._react()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.asked += 1
        self._react()

    def _react(self) -> None:
        if self._executions is None or self._server is None:
            return
        self._server.should_exit = True
        self._server.force_exit = self.asked > 1
        # Begun before the server has closed its connections, so that metrics streams and stops end too.
        work = self._executions.hurry if self.asked > 1 else self._executions.begin_shutdown
        threading.Thread(target=work, name="ending").start()


def serve(settings: Settings, environment: Mapping[str, str]) -> None:
    """Serve until a signal comes, then end every run. Raises NoJMeter, DataRootTaken, OSError when it cannot begin."""
    ending = _Ending()
    root = DataRoot(settings.data_dir)
    root.prepare()
    try:
        with _listen(settings) as listener:
            jmeter = find_jmeter(environment, root.cache)
            containment = _contain(root, jmeter, settings)
            executions = Executions(root, jmeter, settings, containment)
            server = _Server(
                uvicorn.Config(
                    Api(root, executions, settings, Capabilities(jmeter)).application(),
                    log_config=None,
                    access_log=False,
                    lifespan="off",
                    server_header=False,
                    timeout_graceful_shutdown=25,
                    timeout_keep_alive=30,
                )
            )
            executions.recover()
            try:
                ending.watch(executions, server)
                host, port = listener.getsockname()[:2]
                _log.info(
                    "engine is up",
                    extra={"url": f"http://{host}:{port}", "data_root": str(root.path), "jmeter": jmeter.origin}
                    | {"contained": containment.is_on, "why_not": containment.why_not},
                )
                server.run(sockets=[listener])
            finally:
                _log.info("engine is going down")
                executions.begin_shutdown()
                executions.finish_shutdown()
        _log.info("engine is down")
    finally:
        root.release()


def _contain(root: DataRoot, jmeter: JMeter, settings: Settings) -> Containment:
    """Before there is any thread: what is given up is given up by those that come after. Raises NotContained."""
    if settings.containment == "off":
        return NOT_CONTAINED
    containment = contain(root, jmeter)
    if settings.containment == "required" and not containment.is_on:
        raise NotContained(f"runs cannot have users of their own: {containment.why_not}")
    return containment


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    return socket.create_server((settings.host, settings.port), family=family, backlog=1024)
