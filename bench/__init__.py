"""Where every claim of speed lives: `python -m bench.<name>` for one of them, `make bench` for all."""

import sys
from pathlib import Path

_PROJECT = Path(__file__).resolve().parent.parent
# What is measured is not installed: it is packaged from these directories.
sys.path[:0] = [place for place in (str(_PROJECT / "shared"), str(_PROJECT / "engine")) if place not in sys.path]
