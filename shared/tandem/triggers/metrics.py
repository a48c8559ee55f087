"""Metrics for CloudWatch, which reads them from the log (embedded metric format)."""

from collections.abc import Mapping

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

NAMESPACE_OUTSIDE_AWS = "Tandem"


def publish(values: Mapping[str, float]) -> None:
    """Write one line with all values; a name says its unit by its end (Seconds, Bytes), else it is a count.

    The namespace is POWERTOOLS_METRICS_NAMESPACE, the one dimension is the service.
    """
    metrics = Metrics()
    if not metrics.namespace:
        metrics.namespace = NAMESPACE_OUTSIDE_AWS
    for name, value in values.items():
        metrics.add_metric(name=name, unit=_unit_of(name), value=value)
    metrics.flush_metrics()


def _unit_of(name: str) -> MetricUnit:
    for ending, unit in (("Seconds", MetricUnit.Seconds), ("Bytes", MetricUnit.Bytes)):
        if name.endswith(ending):
            return unit
    return MetricUnit.Count
