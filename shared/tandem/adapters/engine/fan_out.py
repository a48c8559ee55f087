"""Many small GETs to one engine side by side within a budget, given up at once when the engine is plainly dead.

httpcore's pool costs about 0.5 ms of processor time for each call and is quadratic in connections, which 1,000 tasks
feel in every sweep. So each worker here keeps one connection of its own and speaks just enough HTTP/1.1 for a GET of a
small body; anything it does not understand is an ``EngineAnsweredWrongly``. uvloop takes a quarter off their
processor time.
"""

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import uvloop

from tandem.adapters.engine.answer import Answer
from tandem.adapters.engine.settings import EngineSettings
from tandem.adapters.engine.transport import SMALL_ANSWER_BYTES, common_headers
from tandem.domain.errors import EngineAnsweredWrongly, EngineAnswerLost, EngineError, EngineUnavailable

FAILURES_UNTIL_DEAD = 3
"""How many calls in a row, with no answer of any kind between them, make the engine dead for the rest of a fan-out."""

_HEADER_BYTES = 64 * 1024


@dataclass(slots=True)
class EngineHealth:
    """How many calls in a row got no answer; shared by all workers of one fan-out."""

    failures_in_a_row: int = 0

    @property
    def is_dead(self) -> bool:
        return self.failures_in_a_row >= FAILURES_UNTIL_DEAD

    def answered(self) -> None:
        self.failures_in_a_row = 0

    def failed(self) -> None:
        self.failures_in_a_row += 1


@dataclass(slots=True)
class FanOut:
    """One round of GETs. ``until`` is in ``monotonic`` seconds."""

    settings: EngineSettings
    ssl_context: ssl.SSLContext | None
    until: float
    health: EngineHealth
    answers: dict[str, Answer | EngineError] = field(default_factory=dict)

    def get(self, paths: Mapping[str, str]) -> dict[str, Answer | EngineError]:
        """GET each path, never later than ``until``; every key gets an answer, or the error that took its place."""
        uvloop.run(self._run(paths))
        for key in paths:
            if key not in self.answers:
                self.answers[key] = EngineUnavailable(self._why_not_asked())
        return self.answers

    def _why_not_asked(self) -> str:
        if self.health.is_dead:
            return "the engine does not answer; it was not asked any further"
        return "the time for asking the engine was over before this execution's turn"

    async def _run(self, paths: Mapping[str, str]) -> None:
        waiting = list(paths.items())[::-1]
        workers = [
            asyncio.create_task(self._work(waiting)) for _ in range(min(self.settings.fan_out_connections, len(paths)))
        ]
        # Each call keeps the deadline itself, so that every worker ends by then.
        await asyncio.gather(*workers)

    async def _work(self, waiting: list[tuple[str, str]]) -> None:
        connection = _Connection(self.settings, self.ssl_context)
        try:
            while waiting and not self.health.is_dead:
                left = self.until - time.monotonic()
                if left <= 0:
                    return
                key, path = waiting.pop()
                try:
                    self.answers[key] = await connection.get(path, min(left, self.settings.status_call_seconds))
                    self.health.answered()
                except EngineAnsweredWrongly as error:
                    self.answers[key] = error
                    self.health.answered()
                    connection.drop()
                except EngineError as error:
                    self.answers[key] = error
                    self.health.failed()
                    connection.drop()
        finally:
            connection.drop()


class _Connection:
    """One kept connection to the engine, opened when it is first needed."""

    def __init__(self, settings: EngineSettings, ssl_context: ssl.SSLContext | None) -> None:
        self._settings = settings
        self._ssl_context = ssl_context
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        lines = "".join(f"{name}: {value}\r\n" for name, value in common_headers(settings).items())
        self._headers = f" HTTP/1.1\r\n{lines}\r\n".encode("ascii")

    def drop(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def get(self, path: str, seconds: float) -> Answer:
        """Raises ``EngineUnavailable``, ``EngineAnswerLost`` or ``EngineAnsweredWrongly``."""
        try:
            async with asyncio.timeout(seconds):
                kept = self._streams is not None
                try:
                    return await self._exchange(path)
                except EngineAnswerLost:
                    if not kept:
                        raise
                    # The engine may have closed a kept connection just now; a read is safe to ask again.
                    self.drop()
                    return await self._exchange(path)
        except TimeoutError as exc:
            raise EngineAnswerLost(f"the engine did not answer a status within {seconds:.1f} s") from exc

    async def _exchange(self, path: str) -> Answer:
        reader, writer = self._streams or await self._connect()
        try:
            writer.write(b"GET " + (self._settings.path_prefix + path).encode("ascii") + self._headers)
            answer, keep = await _read_answer(reader)
        except (OSError, asyncio.IncompleteReadError) as exc:
            if isinstance(exc, TimeoutError):
                raise
            raise EngineAnswerLost("the engine closed the connection before it had answered a status") from exc
        except (asyncio.LimitOverrunError, ValueError) as exc:
            raise EngineAnsweredWrongly(f"the engine's answer to a status is no HTTP or too large ({exc})") from exc
        if not keep:
            self.drop()
        return answer

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            async with asyncio.timeout(self._settings.connect_seconds):
                self._streams = await asyncio.open_connection(
                    self._settings.host, self._settings.port, ssl=self._ssl_context, limit=_HEADER_BYTES
                )
        except OSError as exc:  # TimeoutError and SSL errors are OSErrors too
            raise EngineUnavailable(f"the engine could not be reached ({type(exc).__name__})") from exc
        return self._streams


async def _read_answer(reader: asyncio.StreamReader) -> tuple[Answer, bool]:
    """The answer, and whether the connection can be used again. Raises ``ValueError`` for what is no HTTP/1.x."""
    head = await reader.readuntil(b"\r\n\r\n")
    status_line, *lines = head[:-4].decode("latin-1").split("\r\n")
    version, _, rest = status_line.partition(" ")
    code = rest[:3]
    if version not in {"HTTP/1.1", "HTTP/1.0"} or not (code.isascii() and code.isdigit()) or int(code) < 200:
        raise ValueError("not an HTTP/1.x status line")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    body, framed = await _read_body(reader, int(code), headers)
    keep = framed and version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    return Answer(int(code), headers, body), keep


async def _read_body(reader: asyncio.StreamReader, code: int, headers: Mapping[str, str]) -> tuple[bytes, bool]:
    if code in {204, 304}:
        return b"", True
    coding = headers.get("transfer-encoding", "").lower()
    if coding:
        if coding != "chunked":
            raise ValueError("unknown transfer coding")
        return await _read_chunks(reader), True
    length = headers.get("content-length")
    if length is not None:
        if not (length.isascii() and length.isdigit()) or len(length) > 9 or int(length) > SMALL_ANSWER_BYTES:
            raise ValueError("bad or too large Content-Length")
        return await reader.readexactly(int(length)), True
    body = bytearray()
    while piece := await reader.read(_HEADER_BYTES):
        body += piece
        _check_size(len(body))
    return bytes(body), False


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while True:
        size_text = (await reader.readuntil(b"\r\n")).split(b";")[0].strip()
        if not size_text or len(size_text) > 8 or size_text.strip(b"0123456789abcdefABCDEF"):
            raise ValueError("bad chunk size")
        size = int(size_text, 16)
        _check_size(len(body) + size)
        if size == 0:
            break
        body += await reader.readexactly(size)
        if await reader.readexactly(2) != b"\r\n":
            raise ValueError("a chunk without its line end")
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return bytes(body)


def _check_size(size: int) -> None:
    if size > SMALL_ANSWER_BYTES:
        raise ValueError(f"more than {SMALL_ANSWER_BYTES} bytes")
