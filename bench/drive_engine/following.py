"""Ten growing result files, followed as the engine follows those of its runs."""

from collections.abc import Callable
from pathlib import Path

from tandem_engine.jtl import JtlFollower

from tests.factories.jtl import Sample, jtl

FILES = 10
ROUNDS = 20
FOLLOWED_EVERY = 0.5
"""As the engine does (run.py)."""


def make_growth(directory: str, samples_a_second: int) -> Callable[[], int]:
    """One round: half a second's samples are added to each file; it answers how many in all."""
    count = int(samples_a_second * FOLLOWED_EVERY)
    rows = jtl((Sample(1_767_355_200_000 + number, 5 + number % 90) for number in range(count)), header=False)
    files = [(Path(directory) / f"{number}.jtl").open("ab") for number in range(FILES)]
    for file in files:
        file.write(jtl([]))

    def grow() -> int:
        for file in files:
            file.write(rows)
            file.flush()
        return count * FILES

    return grow


def make_follower(directory: str) -> Callable[[], int]:
    """One round: each file is read to where it ends now; it answers the samples seen in all."""
    followers = [JtlFollower(Path(directory) / f"{number}.jtl") for number in range(FILES)]

    def follow() -> int:
        return sum(follower.catch_up().total for follower in followers)

    return follow


def make_reader(directory: str) -> Callable[[], int]:
    """One round of the floor: the same bytes are read, and the ends of their lines counted."""
    places = [Path(directory) / f"{number}.jtl" for number in range(FILES)]
    offsets = [0] * FILES
    lines = [0]

    def read() -> int:
        for number, place in enumerate(places):
            with place.open("rb") as file:
                file.seek(offsets[number])
                data = file.read()
            offsets[number] += len(data)
            lines[0] += data.count(b"\n")
        return lines[0] - FILES

    return read
