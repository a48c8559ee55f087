"""Which turns of the sync are extra ones."""

import json

import pytest
from tandem.adapters.aws.ticks import EXTRA_TURN
from tandem.triggers.ticks import is_extra


def records(*bodies: str) -> dict[str, object]:
    return {"Records": [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]}


def test_a_turn_that_an_earlier_one_asked_for_is_extra() -> None:
    assert is_extra(records(json.dumps(EXTRA_TURN)))


@pytest.mark.parametrize(
    "event",
    [
        {"source": "aws.events", "detail-type": "Scheduled Event"},
        {},
        {"Records": []},
        records('{"source": "aws.events"}'),
        records(""),
        records("no JSON"),
        records("[1]"),
        records(json.dumps(EXTRA_TURN), '{"source": "aws.events"}'),
    ],
)
def test_every_other_turn_is_the_schedules(event: dict[str, object]) -> None:
    assert not is_extra(event)
