"""What is deployed: arm64, Python 3.13, precompiled where that Python is at hand."""

import os
import re
import shutil
import struct
from pathlib import Path

import pytest

from local.settings import PROJECT
from tests.factories.scripts import run_script

pytestmark = pytest.mark.slow

BUILD = PROJECT / ".aws-sam" / "build"
LAYERS = ("DependenciesLayer", "AnalysisLayer", "MigrationsLayer", "TandemLayer")
ELF_AARCH64 = 183
MAX_UNZIPPED = 250 * 1024 * 1024


@pytest.fixture(scope="module")
def artifacts(sam_tools: Path) -> Path:
    """template.yaml, built for deployment just now."""
    run_script("scripts/build_functions.sh", "deploy")
    return BUILD


def test_every_binary_is_for_arm64_and_python_3_13(artifacts: Path) -> None:
    binaries = [file for layer in LAYERS for file in (artifacts / layer).rglob("*.so*")]
    assert {"pydantic_core", "numpy"} <= {file.relative_to(artifacts).parts[2] for file in binaries}
    for file in binaries:
        machine = struct.unpack_from("<H", file.read_bytes()[:20], 18)[0]
        assert machine == ELF_AARCH64, file
        if version := re.search(r"\.cpython-(\d+)", file.name):
            assert version[1] == "313", file


def test_every_wheel_is_for_this_target(artifacts: Path) -> None:
    tags = {
        (file.parent.name, tag)
        for layer in LAYERS
        for file in (artifacts / layer).rglob("*.dist-info/WHEEL")
        for tag in re.findall(r"^Tag: (\S+)", file.read_text(), re.MULTILINE)
    }
    assert len(tags) > 15
    assert not [
        each for each in tags if not re.search(r"-any$|-manylinux\w*_aarch64(\.manylinux\w*_aarch64)*$", each[1])
    ]


def test_a_function_with_its_layers_fits_into_lambda(artifacts: Path) -> None:
    def size(folder: Path) -> int:
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())

    assert sum(size(artifacts / layer) for layer in LAYERS) + size(artifacts / "GetHealthFunction") < MAX_UNZIPPED


def test_the_layer_of_the_analysis_holds_nothing_that_only_numpys_developers_need(artifacts: Path) -> None:
    numpy = artifacts / "AnalysisLayer" / "python" / "numpy"
    assert (numpy / "__init__.py").exists()
    assert not (numpy / "f2py").exists()
    assert [place for place in numpy.rglob("tests") if place.is_dir()] == []


def test_the_layers_are_precompiled_for_python_3_13(artifacts: Path) -> None:
    if shutil.which("python3.13") is None and not list((Path.home() / ".pyenv" / "versions").glob("3.13.*")):
        pytest.skip("there is no Python 3.13 on this machine; the build said so")
    for layer in LAYERS:
        modules = [file for file in (artifacts / layer / "python").rglob("*.py") if "test" not in str(file)]
        compiled = [file.parent / "__pycache__" / f"{file.stem}.cpython-313.pyc" for file in modules]
        assert modules
        assert sum(file.exists() for file in compiled) > 0.99 * len(modules), layer
        first = next(file for file in compiled if file.exists())
        # Unchecked hash (PEP 552): the import neither stats nor reads the source.
        assert struct.unpack_from("<I", first.read_bytes(), 4)[0] == 0b01, first


def test_the_migrations_are_packaged(artifacts: Path) -> None:
    packaged = {file.name for file in (artifacts / "MigrationsLayer" / "migrations" / "versions").glob("*.py")}
    assert packaged == {file.name for file in (PROJECT / "migrations" / "versions").glob("*.py")}


def test_nothing_of_this_machine_is_packaged(artifacts: Path) -> None:
    functions = [
        file for file in (artifacts / "GetHealthFunction").rglob("*") if file.suffix not in {".py", ".json", ".pyc"}
    ]
    assert [file for file in functions if file.is_file()] == []
    assert os.fspath(PROJECT) not in (artifacts / "template.yaml").read_text()
