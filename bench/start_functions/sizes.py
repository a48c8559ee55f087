"""What is uploaded: the size of each zip, and of what Lambda unpacks it to."""

import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from local.emulator import BUILD, built_function

LAYERS = ("DependenciesLayer", "AnalysisLayer", "MigrationsLayer", "TandemLayer")
UNPACKED_LIMIT_MB = 250
"""Lambda's limit for a function with all its layers."""


@dataclass(frozen=True, slots=True)
class Size:
    """One artifact, in bytes."""

    name: str
    packed: int
    unpacked: int


def artifact_sizes() -> list[Size]:
    """The functions' common code, and each layer."""
    code = built_function("get_load_test_task").code
    return [_size("code of every function", code), *(_size(name, BUILD / name) for name in LAYERS)]


def _size(name: str, directory: Path) -> Size:
    files = [file for file in sorted(directory.rglob("*")) if file.is_file()]
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.relative_to(directory))
    return Size(name, len(packed.getvalue()), sum(file.stat().st_size for file in files))
