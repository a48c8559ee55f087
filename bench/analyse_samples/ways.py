"""The two ways of reading a result file that are measured in processes of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

_PIECE = 1 << 20


def make_analysis() -> Callable[[str], dict[str, object]]:
    """Our analysis of a file, as a function makes it of what the engine sends."""
    from tandem.adapters.jtl.reader import read_jtl
    from tandem.domain.analysis import analyse
    from tandem.domain.samples import AnalysisPlan
    from tandem_samples import GroupKind, ThreadGroup, ThreadGroups

    groups = [ThreadGroup("Prepare", GroupKind.SETUP), ThreadGroup("Shoppers", GroupKind.MAIN)]

    def work(path: str) -> dict[str, object]:
        found = analyse(read_jtl, [_pieces(path)], AnalysisPlan(groups=ThreadGroups(groups)))
        latency = found.summary.latency
        return {
            "samples": found.summary.samples,
            "errors": found.summary.errors,
            "set_up": 0 if found.set_up is None else found.set_up.samples,
            "skipped": found.counted.skipped,
            "percentiles": {50: latency.p50, 90: latency.p90, 95: latency.p95, 99: latency.p99},
            "labels": len(found.labels),
        }

    return work


def make_floor() -> Callable[[str], int]:
    """The least that any reader does: bring in the bytes and find where each field and each row ends."""
    import numpy as np

    def work(path: str) -> int:
        ends = 0
        for piece in _pieces(path):
            codes = np.frombuffer(piece, np.uint8)
            np.flatnonzero(codes == ord(","))
            ends += len(np.flatnonzero(codes == ord("\n")))
        return ends - 1

    return work


def _pieces(path: str) -> Iterator[bytes]:
    with Path(path).open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
