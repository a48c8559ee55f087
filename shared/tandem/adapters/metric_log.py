"""Metrics for CloudWatch, which reads them from the log (embedded metric format).

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import sys
import time
from collections.abc import Callable

from tandem.domain.measurements import EngineCall, Values

_UNITS = (("Milliseconds", "Milliseconds"), ("Seconds", "Seconds"), ("Bytes", "Bytes"), ("Percent", "Percent"))


class EmbeddedMetrics:
    """The Meter port: one line for each measurement, by the dimension ``service``, and ``call`` where there is one.

    Without a namespace, as where no CloudWatch reads the log, nothing is written.
    """

    def __init__(self, namespace: str | None, service: str, write: Callable[[str], object] | None = None) -> None:
        self._namespace = namespace
        self._service = service
        self._write = write or _to_log

    def record(self, values: Values, call: EngineCall | None = None) -> None:
        """Write one line with all values."""
        if self._namespace is None:
            return
        metrics = {
            "Namespace": self._namespace,
            "Dimensions": [["service"]] if call is None else [["service"], ["service", "call"]],
            "Metrics": [{"Name": name, "Unit": _unit_of(name)} for name in values],
        }
        dimensions = {"service": self._service} | ({} if call is None else {"call": call})
        moment = {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": [metrics]}
        self._write(json.dumps({"_aws": moment, **dimensions, **values}))


def _unit_of(name: str) -> str:
    return next((unit for ending, unit in _UNITS if name.endswith(ending)), "Count")


def _to_log(line: str) -> None:
    # Whole lines: threads of one process write side by side.
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
