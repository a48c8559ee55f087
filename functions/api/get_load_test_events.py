"""GET /GetLoadTestEvents: the engine's events of a task, merged with our own audit trail."""

from tandem.bootstrap import application
from tandem.domain.errors import EngineAnsweredWrongly
from tandem.domain.task import TaskNotFound
from tandem.rest.app import Call, endpoint
from tandem.rest.results import EventsView, TaskEventsSelector


@endpoint(TaskEventsSelector, errors=[TaskNotFound, EngineAnsweredWrongly])
def handler(call: Call[TaskEventsSelector]) -> EventsView:
    story = application().get_events(call.owner, call.parameters.key, call.parameters.tail)
    return EventsView(executionId=story.execution_id, events=story.events, missingParts=list(story.missing_parts))
