"""Every minute: count what the alarms and the dashboard rest on."""

from tandem.bootstrap import application
from tandem.triggers.metrics import publish


def handler(event: object, context: object) -> dict[str, float]:
    metrics = application().publish_statistics()
    publish(metrics)
    return metrics
