"""Follows the JTL of a run as it grows, by HTTP, and says what the last seconds were like."""

from __future__ import annotations

import csv
import math
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import httpx

WINDOW_SECONDS = 3.0
_TIMEOUT = 5.0
_LONGEST_ERROR = 160


class Sample(NamedTuple):
    """When a sample ended (epoch s), how long it took (ms), whether it failed, and then the words for why."""

    end: float
    elapsed_ms: int
    failed: bool
    error: str = ""


@dataclass(frozen=True)
class LiveFigures:
    """The last WINDOW_SECONDS: requests/s, p95 in ms (nearest-rank) and the share of errors (0..1)."""

    requests_per_sec: float
    p95_ms: int
    error_rate: float


class JtlLines:
    """Makes samples of a JTL that comes in pieces cut anywhere."""

    def __init__(self) -> None:
        self._rest = b""
        self._columns: dict[str, int] | None = None

    def take(self, piece: bytes) -> list[Sample]:
        """The samples whose record ends in this piece. Records that are no samples are passed over."""
        data = self._rest + piece
        end = data.rfind(b"\n") + 1
        # A line break within a quoted field ends no record; then the rest is waited for.
        if not end or data.count(b'"', 0, end) % 2:
            self._rest = data
            return []
        self._rest = data[end:]
        found = []
        for row in csv.reader(data[:end].decode("utf-8", errors="replace").splitlines(keepends=True)):
            if self._columns is None:
                self._columns = {name: index for index, name in enumerate(row)}
            elif (sample := _sample(row, self._columns)) is not None:
                found.append(sample)
        return found


class LiveWindow:
    """The samples of the last seconds."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque()

    def add(self, samples: list[Sample]) -> None:
        """Takes samples in."""
        self._samples.extend(samples)

    def figures(self, now: float) -> LiveFigures | None:
        """The figures of the window that ends `now` (epoch s); None when it holds no sample."""
        # JMeter writes samples as they end, so the order of the file is nearly that of their ends.
        while self._samples and self._samples[0].end <= now - WINDOW_SECONDS:
            self._samples.popleft()
        if not self._samples:
            return None
        latencies = sorted(sample.elapsed_ms for sample in self._samples)
        return LiveFigures(
            requests_per_sec=len(latencies) / WINDOW_SECONDS,
            p95_ms=latencies[math.ceil(0.95 * len(latencies)) - 1],
            error_rate=sum(sample.failed for sample in self._samples) / len(latencies),
        )


class JtlFollower:
    """Fetches what a result file has gained, by byte ranges."""

    def __init__(self, client: httpx.Client, url: str) -> None:
        self._client = client
        self._url = url
        self._offset = 0
        self._lines = JtlLines()

    def poll(self) -> list[Sample]:
        """The new samples; none while the file is not there or its server does not answer."""
        try:
            answer = self._client.get(self._url, headers={"Range": f"bytes={self._offset}-"}, timeout=_TIMEOUT)
        except httpx.TransportError:
            # Only the display depends on it: the next poll catches up.
            return []
        if answer.status_code != httpx.codes.PARTIAL_CONTENT:
            return []
        self._offset += len(answer.content)
        return self._lines.take(answer.content)


def _sample(row: list[str], columns: dict[str, int]) -> Sample | None:
    try:
        start, elapsed = int(row[columns["timeStamp"]]), int(row[columns["elapsed"]])
        failed = row[columns["success"]].lower() != "true"
    except (KeyError, IndexError, ValueError):
        return None
    return Sample((start + elapsed) / 1000, elapsed, failed, _error(row, columns) if failed else "")


def _error(row: list[str], columns: dict[str, int]) -> str:
    """What a failed sample says of its failure, in one short line; the assertion's words before the server's."""
    said = {name: row[at].strip() for name, at in columns.items() if at < len(row)}
    message = said.get("failureMessage") or said.get("responseMessage") or ""
    code = said.get("responseCode", "")
    shown = message if code in message or code.startswith("Non HTTP") else f"{code} {message}"
    return " ".join(shown.removeprefix("Non HTTP response message: ").split())[:_LONGEST_ERROR]
