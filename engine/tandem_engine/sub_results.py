"""Whether JMeter must write the rows of sub-results, because a plan's requests are among them.

A Transaction Controller with "Generate parent sample" makes its requests sub-results of its own row
(org.apache.jmeter.control.TransactionSampler): without their rows the result file would hold no request at all.
Redirects and embedded resources are parts of a request; their rows are not written unless somebody asks for them.
"""

import re
from pathlib import Path
from typing import Final

# A fragment that is included may hold such a controller, and an expression may come to true.
_PARENT_SAMPLE: Final = re.compile(
    rb"""["']TransactionController\.parent["'][^<>]*>\s*+(?!false\s*<)|<IncludeController[\s>]"""
)


def needs_sub_results(plan: Path) -> bool:
    """Whether requests of the plan may be sub-results; also when the plan cannot be read."""
    try:
        return _PARENT_SAMPLE.search(plan.read_bytes()) is not None
    except OSError:
        return True
