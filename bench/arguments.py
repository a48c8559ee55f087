"""What all benches share around their measuring: the command line, and that stdout holds the report alone."""

import argparse
import os
import sys
from collections.abc import Callable

from bench.report import Report


def arguments_of_every_bench(description: str | None) -> argparse.ArgumentParser:
    """The options that every bench takes; a bench with some of its own adds them."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, to see that the bench works")
    return parser


def smoke_wanted(description: str | None) -> bool:
    """Whether `--smoke` was given: tiny sizes, to see that the bench works; its figures mean nothing."""
    return bool(arguments_of_every_bench(description).parse_args().smoke)


def tell(measure: Callable[[], Report]) -> None:
    """Measure, and write the report to stdout; whatever the product logs there meanwhile goes to stderr."""
    stdout = os.dup(1)
    os.dup2(2, 1)
    report = measure()
    sys.stdout.flush()
    os.dup2(stdout, 1)
    sys.stdout.write(report.markdown())
