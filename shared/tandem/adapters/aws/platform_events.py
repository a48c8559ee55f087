"""Events of the chaos platform, put on our bus in its name by the bridge to a ChaosBlade-Box."""

import json
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from tandem.adapters.aws.clients import AwsClients
from tandem.domain.chaosblade_box import EventsNotSent, PlatformEvent

SOURCE = "chaosblade.experiment"
BATCH = 10
"""What PutEvents takes at once."""


class EventBusPlatformEvents:
    """The PlatformEvents port."""

    def __init__(self, clients: AwsClients, event_bus: str) -> None:
        self._clients = clients
        self._event_bus = event_bus

    def put(self, events: Sequence[PlatformEvent]) -> None:
        for begin in range(0, len(events), BATCH):
            try:
                answer = self._clients.events.put_events(
                    Entries=[
                        {
                            "EventBusName": self._event_bus,
                            "Source": SOURCE,
                            "DetailType": each.name,
                            "Detail": json.dumps(each.detail),
                        }
                        for each in events[begin : begin + BATCH]
                    ]
                )
            except (BotoCoreError, ClientError) as error:
                raise EventsNotSent(f"the event bus took no events ({type(error).__name__})") from error
            if answer["FailedEntryCount"]:
                raise EventsNotSent(f"the event bus did not take {answer['FailedEntryCount']} events")
