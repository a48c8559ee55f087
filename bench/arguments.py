"""The command line that all benches share."""

import argparse


def smoke_wanted(description: str | None) -> bool:
    """Whether `--smoke` was given: tiny sizes, to see that the bench works; its figures mean nothing."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, to see that the bench works")
    return bool(parser.parse_args().smoke)
