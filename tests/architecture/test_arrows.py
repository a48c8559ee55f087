"""The arrows of the house: functions -> services -> domain <- adapters; rest and triggers see the domain only."""

import ast
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]

# A package, and what of this project it may import; its own package is always allowed.
ALLOWED = {
    "tandem.domain": {"tandem_samples"},
    "tandem.services": {"tandem.domain", "tandem.telemetry", "tandem_samples"},
    "tandem.adapters": {"tandem.domain", "tandem.telemetry", "tandem_samples"},
    "tandem.rest": {"tandem.domain", "tandem.telemetry"},
    "tandem.triggers": {"tandem.domain", "tandem.telemetry"},
    "tandem.settings": {"tandem.domain"},
    "tandem.telemetry": set(),
    "tandem.bootstrap": {"tandem.adapters", "tandem.services", "tandem.domain", "tandem.settings"},
    "functions": {"tandem.bootstrap", "tandem.domain", "tandem.rest", "tandem.triggers"},
    "tandem_engine": {"tandem_samples"},
    "tandem_samples": set(),
}
ROOTS = {
    "tandem": "shared/tandem",
    "tandem_samples": "shared/tandem_samples",
    "functions": "functions",
    "tandem_engine": "engine/tandem_engine",
}


def modules() -> list[tuple[str, Path]]:
    found = []
    for name, folder in ROOTS.items():
        for file in sorted((PROJECT / folder).rglob("*.py")):
            parts = file.relative_to(PROJECT / folder).with_suffix("").parts
            found.append((".".join([name, *(part for part in parts if part != "__init__")]), file))
    return found


def imports_of(file: Path) -> set[str]:
    """Every module that a file imports, wherever in it the import stands; those for type checking count too."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, f"{file}: relative imports hide an arrow"
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def package_of(module: str) -> str | None:
    """The entry of ALLOWED that a module belongs to."""
    return next((name for name in ALLOWED if module == name or module.startswith(f"{name}.")), None)


@pytest.mark.parametrize(("module", "file"), modules(), ids=[name for name, _ in modules()])
def test_no_arrow_runs_backwards(module: str, file: Path) -> None:
    own = package_of(module)
    if own is None:
        assert module == "tandem", f"{module} belongs to no part of the house"
        return
    packages = {package_of(imported) for imported in imports_of(file)} - {None, own}
    assert packages <= ALLOWED[own], f"{module} may not import {packages - ALLOWED[own]}"


def test_functions_never_import_each_other() -> None:
    for module, file in modules():
        if module.startswith("functions."):
            assert not [name for name in imports_of(file) if name.split(".")[0] in {"functions", "api", "workflow"}]


def test_every_error_has_a_status_of_its_own_family() -> None:
    from tandem.domain.errors import AppError
    from tandem.rest.app import STATUS_OF

    for module, _ in modules():
        if module.startswith("tandem."):
            __import__(module)
    pending, seen = [AppError], set[type[AppError]]()
    while pending:
        kind = pending.pop()
        seen.add(kind)
        pending += kind.__subclasses__()
    internal = {"tandem.domain.injection", "tandem.services.start_load", "tandem.services.stop_load"}
    internal |= {"tandem.services.check_gate", "tandem.domain.chaosblade_box", "tandem.services.stop_box_experiment"}
    internal |= {"tandem.services.judge_run"}
    unmapped = [
        kind.__name__
        for kind in seen - {AppError}
        if kind.__module__ not in internal and not any(base in STATUS_OF for base in kind.__mro__)
    ]
    # EngineError is the family itself: only its members are raised.
    assert sorted(unmapped) == ["EngineError"]


def test_the_migrations_are_one_chain() -> None:
    """Two that were written side by side, each after the same third, leave Alembic with two heads and no way on."""
    files = sorted((PROJECT / "migrations" / "versions").glob("[0-9]*.py"))
    found = [re.findall(r'^(?:down_)?revision = "?(\w+)"?$', file.read_text(), re.MULTILINE) for file in files]
    assert found == [
        [f"{number:04}", f"{number - 1:04}" if number > 1 else "None"] for number in range(1, len(files) + 1)
    ]
