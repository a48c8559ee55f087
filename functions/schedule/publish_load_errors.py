"""Every minute: how many requests of the loads under a fault fail; a stop condition of FIS rests on it."""

from tandem.bootstrap import application


def handler(event: object, context: object) -> dict[str, float]:
    percent = application().publish_load_errors()
    if percent is None:
        # Unknown, and the alarm takes what is missing for the worst.
        return {}
    metrics = {"LoadErrorPercent": percent}
    application().meter.record(metrics)
    return metrics
