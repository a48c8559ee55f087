"""GET /GetLoadTestTimeseries: a task's load over time, also while it runs."""

from tandem.bootstrap import application
from tandem.domain.errors import EngineAnsweredWrongly
from tandem.domain.task import TaskNotFound
from tandem.rest.app import Call, endpoint
from tandem.rest.results import TimeseriesSelector, TimeseriesView


@endpoint(TimeseriesSelector, errors=[TaskNotFound, EngineAnsweredWrongly])
def handler(call: Call[TimeseriesSelector]) -> TimeseriesView:
    wanted = call.parameters
    found = application().get_timeseries(call.owner, wanted.key, wanted.bucket_ms)
    return TimeseriesView.of(found.series, found.missing_parts)
