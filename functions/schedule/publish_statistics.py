"""Every minute: count what the alarms and the dashboard rest on."""

from tandem.bootstrap import application


def handler(event: object, context: object) -> dict[str, float]:
    metrics = application().publish_statistics()
    application().meter.record(metrics)
    return metrics
