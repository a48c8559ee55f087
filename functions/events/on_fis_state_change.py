"""AWS FIS: an experiment changed its state; when it is ours, that may be the end of our wait."""

from tandem.bootstrap import application
from tandem.domain.injection import Injection
from tandem.triggers.fis_events import fis_event


@fis_event
def handler(told: Injection) -> None:
    application().follow_injection(told)
