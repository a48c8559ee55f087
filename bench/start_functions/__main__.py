"""python -m bench.start_functions: what a cold start costs, and a warm GetLoadTestTask above its query.

`--only api.get_console api.get_open_api` measures these alone.
"""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from urllib.parse import parse_qs

from alembic import command
from sqlalchemy import event
from tandem.adapters.database.connections import Connections, open_engine
from tandem.adapters.database.transactions import SqlDatabase
from tandem.domain.ports import TaskKey

from bench.arguments import arguments_of_every_bench, tell
from bench.report import Bound, Report, number
from bench.start_functions.floor import idle_function, querying_function
from bench.start_functions.sizes import UNPACKED_LIMIT_MB, artifact_sizes
from local.emulator import BuiltFunction, built_function, emulator, variables_of
from local.settings import PROJECT
from local.template import load_template
from tests.architecture.function_libraries import libraries_of
from tests.conftest import alembic_config
from tests.deploy.conftest import OWNER, World, world_over
from tests.factories.database_servers import private_server

TASK = "api.get_load_test_task.handler"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much to measure; without ``handlers`` every function of the template."""

    handlers: tuple[str, ...] | None = None
    starts: int = 5
    warm_calls: int = 300


SMOKE = Sizes((TASK, "api.get_open_api.handler", "workflow.find_strategy.handler"), starts=1, warm_calls=5)


@dataclass(frozen=True, slots=True)
class Start:
    """A cold start in ms: Lambda's INIT REPORT, and from the program's start to the first answer."""

    init: float
    first_answer: float


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the template; ``sample`` is its event of events/."""

    handler: str
    built: BuiltFunction
    sample: Any
    libraries: frozenset[str]

    @property
    def floor(self) -> str:
        """The name of the floor that it shares with all functions that need the same."""
        return f"floor: {', '.join(sorted(self.libraries))}"

    @property
    def kind(self) -> str:
        return self.handler.partition(".")[0]


class StartBench:
    """Every function over one world of a database, AWS services and an engine."""

    def __init__(self, world: World, directory: Path, sizes: Sizes) -> None:
        self._world = world
        self._directory = directory
        self._functions = [each for each in functions() if sizes.handlers is None or each.handler in sizes.handlers]
        self._of_each = sizes

    def run(self) -> Report:
        report = Report(
            "Start: cold functions and a warm one (`bench.start_functions`)",
            "Each built function under Lambda's Runtime Interface Emulator, its own files and layers alone on its "
            f"path, the least of {self._of_each.starts} cold starts: whatever else this machine does only adds to one. "
            "In each round every function and every floor starts once. The floor is a handler on the same layers that "
            "imports the libraries that it needs (tests/architecture/function_libraries.py) and does nothing. `First "
            "answer`: from the start of the program to the answer to its sample of events/; the floor answers without "
            "any work.",
        )
        self._cold(report)
        if any(each.handler == TASK for each in self._functions):
            self._warm(report)
        self._artifacts(report)
        return report

    def _cold(self, report: Report) -> None:
        table = report.table("function", "init, ms", "floor, ms", "x floor", "first answer, ms", "of the floor")
        measured = self._starts()
        ratios, api = [], []
        for function in sorted(self._functions, key=lambda each: each.handler):
            start, floor = measured[function.handler], measured[function.floor]
            ratios.append(start.init / floor.init)
            if function.kind == "api":
                api.append((start.init, start.first_answer / floor.first_answer))
            table.add(
                function.handler.removesuffix(".handler"), number(start.init), number(floor.init),
                f"{ratios[-1]:.2f}", number(start.first_answer), number(floor.first_answer),
            )  # fmt: skip
        report.claim("worst function: init, times its floor", max(ratios), Bound.AT_MOST, 1.3)
        report.claim("median of all functions: init, times the floor", median(ratios), Bound.AT_MOST, 1.3)
        if api:
            report.claim("median API function: init", median(init for init, _ in api), Bound.AT_MOST, 350, "ms")
            answers = median(ratio for _, ratio in api)
            report.claim("median API function: first answer, times the floor", answers, Bound.AT_MOST, 1.3)

    def _starts(self) -> dict[str, Start]:
        """The least start of every function and of every floor, by name; in rounds, so that a slow minute hits all."""
        built = {each.handler: (each.built, each.sample) for each in self._functions}
        for each in self._functions:
            if each.floor not in built:
                place = self._directory / f"floor-of-{each.built.name}"
                built[each.floor] = idle_function(each.built, each.libraries, place), each.sample
        starts: dict[str, list[Start]] = {name: [] for name in built}
        for _ in range(self._of_each.starts):
            for name, (function, sample) in built.items():
                starts[name].append(self._start(function, sample))
        return {
            name: Start(min(each.init for each in some), min(each.first_answer for each in some))
            for name, some in starts.items()
        }

    def _start(self, function: BuiltFunction, sample: Any) -> Start:
        began = perf_counter()
        with emulator(function, self._variables(function)) as started:
            answer = started.invoke(sample)
            first_answer = (perf_counter() - began) * 1000
            init = started.init_ms()
            if init is None or (isinstance(answer, dict) and "errorType" in answer):
                raise RuntimeError(f"{function.name} answered {answer}\n{started.log()}")
        return Start(init, first_answer)

    def _variables(self, function: BuiltFunction) -> dict[str, str]:
        return variables_of(function, self._world.variables)

    def _warm(self, report: Report) -> None:
        function = next(each for each in self._functions if each.handler == TASK)
        url = self._world.variables["TANDEM_DATABASE_URL"]
        query, values = query_of_task(url, function.sample)
        plain = querying_function(function.built, url, query, values, self._directory / "query")
        with (
            emulator(function.built, self._variables(function.built)) as ours,
            emulator(plain, self._variables(plain)) as floor,
        ):
            times: dict[str, list[float]] = {"ours": [], "floor": []}
            for _ in range(self._of_each.warm_calls):
                for way, started in (("ours", ours), ("floor", floor)):
                    began = perf_counter()
                    answer = started.invoke(function.sample)
                    times[way].append((perf_counter() - began) * 1000)
                    if answer.get("statusCode") != 200:
                        raise RuntimeError(f"GetLoadTestTask ({way}) answered {answer}")
        mine, least = median(times["ours"]), median(times["floor"])
        table = report.table("warm GetLoadTestTask", "ms")
        table.add("ours", number(mine))
        table.add("a handler that sends its query and nothing else", number(least))
        report.claim("warm GetLoadTestTask: above its query", mine - least, Bound.AT_MOST, 3, "ms")

    def _artifacts(self, report: Report) -> None:
        table = report.table("artifact", "zip, MB", "unpacked, MB")
        sizes = artifact_sizes()
        for each in sizes:
            table.add(each.name, number(each.packed / 1e6), number(each.unpacked / 1e6))
        whole = sum(each.unpacked for each in sizes if each.name != "MigrationsLayer") / 2**20
        report.claim("unpacked, with the analysis layer", whole, Bound.AT_MOST, UNPACKED_LIMIT_MB, "MB")


def functions() -> Iterator[Function]:
    """Every function of the template."""
    for each in load_template(PROJECT / "template.yaml").functions.values():
        name = each.handler.split(".")[-2].removeprefix("on_")
        sample = json.loads((PROJECT / "events" / f"{name}.json").read_text(encoding="utf-8"))
        yield Function(each.handler, built_function(each.logical_id), sample, libraries_of(each.handler))


def query_of_task(url: str, sample: Any) -> tuple[str, dict[str, Any]]:
    """The statement that finds the sample's task, and its values, as the driver gets them."""
    seen: list[tuple[str, dict[str, Any]]] = []
    engine = open_engine(Connections(url))

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            seen.append((statement, dict(values)))

    event.listen(engine, "before_cursor_execute", note)
    key = TaskKey(task_id=parse_qs(sample["rawQueryString"])["taskId"][0])
    found = SqlDatabase(engine).read(lambda uow: uow.runs.find(OWNER, key))
    engine.dispose()
    if found is None or len(seen) != 1:
        raise RuntimeError(f"GetLoadTestTask's sample finds {found} in {len(seen)} statements")
    return seen[0]


def measure(sizes: Sizes) -> Report:
    """Run the bench over a world of its own; the build must be there (scripts/build_functions.sh emulator)."""
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as directory, private_server(Path(directory)) as server:
        url = server.create_database("tandem_bench")
        command.upgrade(alembic_config(url), "head")
        with world_over(url) as world:
            return StartBench(world, Path(directory), sizes).run()


def wanted_sizes() -> Sizes:
    """What the command line asks for."""
    parser = arguments_of_every_bench(__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these functions alone, such as api.get_console")
    given = parser.parse_args()
    if given.smoke:
        return SMOKE
    handlers = None if given.only is None else tuple(f"{name}.handler" for name in given.only)
    known = {each.handler for each in load_template(PROJECT / "template.yaml").functions.values()}
    if unknown := set(handlers or ()) - known:
        parser.error(f"no such function: {', '.join(sorted(unknown))}")
    return Sizes(handlers)


if __name__ == "__main__":
    sizes = wanted_sizes()
    tell(lambda: measure(sizes))
