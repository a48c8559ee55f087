"""GET /GetLoadTestStatistics: how the load tests of a period went."""

from tandem.bootstrap import application
from tandem.rest.app import Call, endpoint
from tandem.rest.statistics import StatisticsQuery, StatisticsView


@endpoint(StatisticsQuery)
def handler(call: Call[StatisticsQuery]) -> StatisticsView:
    return StatisticsView.of(application().get_statistics(call.owner, call.parameters.period))
