"""A function starts with what it uses and nothing else: no library, no adapter of somebody else's."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from functools import cache

import pytest

from local.template import load_template
from tests.architecture.code_permissions import PROJECT, adapters_of, used_parts
from tests.architecture.function_libraries import handler_file, imports_of, libraries_of

HANDLERS = sorted(each.handler for each in load_template(PROJECT / "template.yaml").functions.values())
READ_WITH_THE_SETTINGS = {
    "engine_entry",
    "errors",
    "heap_size",
    "identity",
    "limits",
    "measurements",
    "preflight_policy",
    "target",
    "timestamps",
}
"""What bootstrap, settings and the frame of all endpoints load of the domain: every function pays for it."""

OF_RUNS = {"definition", "engine_pool", "experiment_run", "load_engine", "strategy"}
SHOW = "import json, sys; print(json.dumps(sorted(sys.modules)))"


@cache
def loaded_by(statements: str) -> frozenset[str]:
    """The modules that a new interpreter holds after these statements."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{PROJECT / 'shared'}:{PROJECT}"}
    environment["TANDEM_DATABASE_URL"] = "mysql+pymysql://nobody@127.0.0.1:9/none"
    command = [sys.executable, "-c", f"{statements}\n{SHOW}"]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return frozenset(json.loads(done.stdout.splitlines()[-1]))


def started(handler: str) -> frozenset[str]:
    """What is loaded once a function has started and has made what its handler calls."""
    module = f"functions.{handler.rpartition('.')[0]}"
    parts = "\n".join(f"application().{part}" for part in sorted(used_parts(handler_file(handler))))
    return loaded_by(f"import {module}\nfrom tandem.bootstrap import application\n{parts}")


def packages_of_adapters(handler: str) -> set[str]:
    """The adapters that a function can come to, such as ``database``."""
    return {module.split(".")[2] for module in adapters_of(handler_file(handler))}


def parts_of_domain(modules: Iterable[str]) -> set[str]:
    return {name.removeprefix("tandem.domain.") for name in modules if name.startswith("tandem.domain.")}


def libraries(modules: Iterable[str]) -> set[str]:
    own = {"tandem", "tandem_samples", "functions", "__main__", "__mp_main__"}
    found = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names) - own
    return {name for name in found if not name.startswith("_")}


@pytest.mark.slow
@pytest.mark.parametrize("handler", HANDLERS)
def test_a_function_loads_no_library_that_it_does_not_need(handler: str) -> None:
    needed = loaded_by(imports_of(libraries_of(handler)))
    assert libraries(started(handler)) <= libraries(needed)


@pytest.mark.slow
@pytest.mark.parametrize("handler", HANDLERS)
def test_a_function_loads_no_adapter_that_it_cannot_come_to(handler: str) -> None:
    packages = packages_of_adapters(handler)
    loaded = started(handler) - loaded_by("import tandem.bootstrap")
    assert {
        name for name in loaded if name.startswith("tandem.adapters.") and name.split(".")[2] not in packages
    } == set()


def test_what_every_function_loads_of_the_domain_is_little() -> None:
    assert parts_of_domain(loaded_by("import tandem.bootstrap, tandem.rest.app")) == READ_WITH_THE_SETTINGS


def test_a_function_with_neither_database_nor_engine_does_not_load_what_runs_are_made_of() -> None:
    light = [handler for handler in HANDLERS if not packages_of_adapters(handler) & {"database", "engine"}]
    assert {"api.get_console.handler", "api.create_upload_url.handler"} <= set(light)
    assert {handler: loaded for handler in light if (loaded := parts_of_domain(started(handler)) & OF_RUNS)} == {}


def test_the_names_of_the_ports_bring_nothing_along() -> None:
    own = {name for name in loaded_by("import tandem.domain.ports") if name.startswith("tandem.")}
    assert own == {"tandem.domain", "tandem.domain.ports"}


def test_what_boto3_numpy_and_alembic_cost_is_paid_by_nobody_at_its_start() -> None:
    costly = {"boto3.session", "botocore.client", "numpy", "alembic"}
    for handler in ("api.get_load_test_task.handler", "schedule.sync_tasks.handler", "workflow.start_load.handler"):
        assert started(handler) & costly == set()
    assert started("api.get_load_test_results.handler") & {"numpy", "boto3.session"} == set()
