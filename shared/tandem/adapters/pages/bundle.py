"""The files in web/ put together: the modules that a script needs as one script, the styles as one style.

A module here is an ES module that imports only by ``import { names } from "./module.js";`` and exports only what it
declares; top-level names are unique over all modules. So the modules in order, without these words, are one module.
"""

import re
from functools import cache
from importlib.resources import files

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|let|class) )", re.MULTILINE)
_TEXTS = "texts"


def read_text(path: str) -> str:
    """A file of this package."""
    return files(__package__).joinpath(path).read_text(encoding="utf-8")


@cache
def script(main: str) -> str:
    """A module and all that it imports, each once and before whoever imports it, as one module without imports."""
    parts: dict[str, str] = {}
    _add(main, parts)
    return "".join(parts.values())


@cache
def chart_script() -> str:
    """The chart library; it defines ``uPlot``."""
    return read_text("vendor/uplot/uPlot.iife.min.js")


@cache
def style(*names: str) -> str:
    """The chart library's style and our own."""
    return "".join([read_text("vendor/uplot/uPlot.min.css"), "\n", *(read_text(f"web/{name}.css") for name in names)])


def _add(module: str, parts: dict[str, str]) -> None:
    if module == _TEXTS:
        parts[module] = f"const TEXTS = {read_text('web/texts.json').strip()};\n"
        return
    source = read_text(f"web/{module}.js")
    for needed in _IMPORT.findall(source):
        if needed not in parts:
            _add(needed, parts)
    parts[module] = _EXPORT.sub("", _IMPORT.sub("", source))
