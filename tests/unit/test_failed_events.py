"""Events on which their function failed three times are taken again, by whoever takes such events."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tandem.triggers.failed_events import EventOfNobody, take_again

SAMPLE = Path(__file__).resolve().parents[2] / "events" / "event_failed.json"


def batch(body: str) -> dict[str, Any]:
    return {"Records": [{"messageId": "m", "body": body}]}


def test_the_event_in_the_record_reaches_its_handler() -> None:
    taken: list[Mapping[str, Any]] = []
    take_again({"ExperimentFinished": lambda event, context: taken.append(event)})(
        json.loads(SAMPLE.read_text(encoding="utf-8")), None
    )
    assert [event["detail"]["experimentTaskId"] for event in taken] == ["exp-task-1"]


def test_a_handler_that_fails_again_leaves_the_record_in_the_queue() -> None:
    class StillDown(Exception):
        """The outage goes on."""

    def fail(event: Mapping[str, Any], context: object) -> None:
        raise StillDown

    with pytest.raises(StillDown):
        take_again({"E": fail})(batch(json.dumps({"requestPayload": {"detail-type": "E"}})), None)


@pytest.mark.parametrize("body", ["{", "[]", '{"requestPayload": 1}', '{"requestPayload": {"detail-type": "Unknown"}}'])
def test_what_holds_no_known_event_is_not_taken_for_done(body: str) -> None:
    with pytest.raises(EventOfNobody, match="message m"):
        take_again({"E": lambda event, context: None})(batch(body), None)
