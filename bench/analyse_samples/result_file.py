"""A JTL of any length as JMeter writes it, the same one each time, and its exact percentiles known beforehand."""

import random
from dataclasses import dataclass
from pathlib import Path

from tests.factories.jtl import DEFAULT_HEADER

_SEED = 20260102
_BEGAN_MS = 1_767_355_200_000
_SAMPLES_A_SECOND = 1_000
_LABELS = ("GET /catalogue", "GET /product", "POST /cart", "POST /checkout", "GET /order")
_ROWS_A_WRITE = 100_000
_SHAPES = 4_096
_SET_UP_EVERY = 50
_LONG_MESSAGE_EVERY = 100_000
_LONG_MESSAGE = '{""error"": ""no stock"", ""trace"": ""at Shop.order\n""}' * 18_000
_LONG_ROW = f',POST /order,500,"{_LONG_MESSAGE}",Shoppers 1-1,text,false,,99,99,100,100,null,9,0,0\n'


@dataclass(frozen=True, slots=True)
class Written:
    """What is in the file: its size, and how often each latency (ms) of the load occurs."""

    bytes: int
    errors: int
    set_up: int
    counts: dict[int, int]

    def percentile(self, wanted: int) -> int:
        """Nearest rank, counted out one latency after the other: no code shared with what is measured."""
        samples = sum(self.counts.values())
        seen = 0
        for elapsed in sorted(self.counts):
            seen += self.counts[elapsed]
            if seen * 100 >= wanted * samples:
                return elapsed
        raise ValueError("no samples")


def write_result_file(path: Path, samples: int) -> Written:
    """Write a run whose latencies grow worse in its course, as they do under a fault; one in fifty fails.

    Between them are as many requests of a set-up thread group as one in _SET_UP_EVERY, and one in _LONG_MESSAGE_EVERY
    failed with a message of a megabyte.
    """
    chance = random.Random(_SEED)  # noqa: S311 - not for secrets
    shapes = [_shape(chance) for _ in range(_SHAPES)]
    latencies = [max(1, int(chance.lognormvariate(4.4, 0.6))) for _ in range(_SHAPES - 1)]
    counts: dict[int, int] = {}
    errors = set_up = 0
    with path.open("wb") as file:
        file.write((",".join(DEFAULT_HEADER) + "\n").encode())
        for begin in range(0, samples, _ROWS_A_WRITE):
            rows = []
            for number in range(begin, min(begin + _ROWS_A_WRITE, samples)):
                elapsed = latencies[number % len(latencies)] + number * 100 // samples
                counts[elapsed] = counts.get(elapsed, 0) + 1
                failed, middle, end = shapes[number * 7 % _SHAPES]
                errors += failed
                start = _BEGAN_MS + number * 1_000 // _SAMPLES_A_SECOND
                rows.append(f"{start},{elapsed}{middle}{elapsed}{end}")
                if number % _SET_UP_EVERY == 0:
                    set_up += 1
                    rows.append(f"{start},{elapsed * 20},login,200,OK,Prepare 1-1,text,true,,99,99,1,1,null,9,0,0\n")
                if number % _LONG_MESSAGE_EVERY == _LONG_MESSAGE_EVERY - 1:
                    counts[elapsed] += 1
                    errors += 1
                    rows.append(f"{start},{elapsed}{_LONG_ROW}")
            file.write("".join(rows).encode())
    return Written(path.stat().st_size, errors, set_up, counts)


def _shape(chance: random.Random) -> tuple[bool, str, str]:
    """What a row holds besides its times."""
    label, thread, failed = chance.choice(_LABELS), chance.randrange(1, 101), chance.random() < 0.02
    code, message = ("503", "Service Unavailable") if failed else ("200", "OK")
    received, sent = chance.randrange(300, 2_000), chance.randrange(110, 190)
    path = label.split()[1]
    middle = (
        f",{label},{code},{message},Shoppers 1-{thread},text,{'false' if failed else 'true'},,{received},{sent},"
        f"100,100,http://127.0.0.1:9000{path}?visitor={thread:08d},"
    )
    return failed, middle, f",0,{chance.randrange(0, 3)}\n"
