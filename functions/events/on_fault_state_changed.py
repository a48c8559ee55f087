"""``FaultStateChanged``: remember when the fault itself began or ended."""

from tandem.bootstrap import application
from tandem.triggers.experiment_events import FaultStateChangedDetail
from tandem.triggers.platform_events import experiment_event


@experiment_event(FaultStateChangedDetail)
def handler(detail: FaultStateChangedDetail) -> None:
    application().learn_fault_window(*detail.facts)
