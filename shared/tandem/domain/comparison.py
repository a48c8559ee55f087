"""Is a run's degradation under its fault worse than that of earlier runs of the same strategy, beyond their noise?

Each figure of a run is one number: how FAULT compares with the run's own BASELINE, so that a faster machine or a longer
run does not count, and the time to recover. What is usual is the median of the earlier runs' numbers, and their noise
the median absolute deviation (times 1.4826 and a factor for few values), both indifferent to a single odd run. A number
is worse when it is further from the median than NOISE_FACTOR noises, on the bad side, and than a least distance.

Sources: the factor 3 and median/MAD against mean and deviation: Leys et al., "Detecting outliers", J. Exp. Soc.
Psychol. 49, 2013. The factors for few values: Croux and Rousseeuw, "Time-efficient algorithms for two highly robust
estimators of scale", Computational Statistics 1, 1992.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from tandem.domain.samples import PhaseName
from tandem.domain.verdict_reasons import VerdictStatus

NOISE_FACTOR = 3.0
MIN_RUNS = 3
MAX_RUNS = 10

_SCALE = 1.4826
_FEW = {3: 1.495, 4: 1.363, 5: 1.206, 6: 1.200, 7: 1.140, 8: 1.129, 9: 1.107}


class ComparedFigure(StrEnum):
    """P95_RATIO and THROUGHPUT_RATIO: FAULT over BASELINE. ERROR_RATE_RISE: FAULT less BASELINE. RECOVERY_SEC: s."""

    P95_RATIO = "P95_RATIO"
    ERROR_RATE_RISE = "ERROR_RATE_RISE"
    THROUGHPUT_RATIO = "THROUGHPUT_RATIO"
    RECOVERY_SEC = "RECOVERY_SEC"


class Outcome(StrEnum):
    """Against the earlier runs; NOT_ENOUGH_RUNS: fewer than MIN_RUNS of them tell the noise."""

    WORSE = "WORSE"
    BETTER = "BETTER"
    AS_USUAL = "AS_USUAL"
    NOT_ENOUGH_RUNS = "NOT_ENOUGH_RUNS"


_LOW_IS_BAD = frozenset({ComparedFigure.THROUGHPUT_RATIO})
_LEAST_SHARE = {ComparedFigure.P95_RATIO: 0.1, ComparedFigure.THROUGHPUT_RATIO: 0.1}
"""Of the median: closer than this is no news, however still the earlier runs were."""
_LEAST = {ComparedFigure.ERROR_RATE_RISE: 0.01, ComparedFigure.RECOVERY_SEC: 3.0}


@dataclass(frozen=True, slots=True)
class FigureComparison:
    """One figure of this run beside the earlier ones: their median, and the distance that counts (None: unknown).

    ``value`` is None for a recovery that did not come within the run; ``runs`` are those that have the figure.
    """

    figure: ComparedFigure
    outcome: Outcome
    value: float | None
    runs: int
    usual: float | None
    margin: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """``runs``: earlier runs compared with. ``other_definitions``: left out, because their load was another.

    ``outcome`` is WORSE when one figure is, else BETTER when one is, else AS_USUAL when one could be judged.
    """

    outcome: Outcome
    runs: int
    other_definitions: int
    figures: tuple[FigureComparison, ...]


def compared_figures(
    results: Mapping[str, object] | None, verdict: Mapping[str, object] | None
) -> dict[ComparedFigure, float | None]:
    """The numbers of a run, from its documents (``analysis_document.py``); empty for one that is inconclusive.

    A recovery that did not come within the run is None.
    """
    if results is None or verdict is None or verdict["status"] == VerdictStatus.INCONCLUSIVE:
        return {}
    change: Mapping[str, object] = {}
    phases = results["phases"]
    if isinstance(phases, list):
        change = next((phase.get("change", {}) for phase in phases if phase["name"] == PhaseName.FAULT), {})
    told = {
        ComparedFigure.P95_RATIO: change.get("p95"),
        ComparedFigure.ERROR_RATE_RISE: change.get("errorRate"),
        ComparedFigure.THROUGHPUT_RATIO: change.get("requestsPerSec"),
        ComparedFigure.RECOVERY_SEC: verdict["timeToRecoverSec"],
    }
    numbers: dict[ComparedFigure, float | None] = {
        figure: float(value) for figure, value in told.items() if isinstance(value, int | float)
    }
    if verdict["recovered"] is False:
        numbers[ComparedFigure.RECOVERY_SEC] = None
    return numbers


def compare(
    now: Mapping[ComparedFigure, float | None],
    earlier: Sequence[Mapping[ComparedFigure, float | None]],
    other_definitions: int,
) -> Comparison:
    """This run's numbers beside those of earlier runs of the same load."""
    figures = tuple(
        _compare(figure, now[figure], [value for run in earlier if (value := run.get(figure)) is not None])
        for figure in ComparedFigure
        if figure in now
    )
    found = {each.outcome for each in figures}
    outcome = next(
        (each for each in (Outcome.WORSE, Outcome.BETTER, Outcome.AS_USUAL) if each in found), Outcome.NOT_ENOUGH_RUNS
    )
    return Comparison(outcome, len(earlier), other_definitions, figures)


def _compare(figure: ComparedFigure, value: float | None, earlier: Sequence[float]) -> FigureComparison:
    runs = len(earlier)
    if runs < MIN_RUNS:
        return FigureComparison(figure, Outcome.NOT_ENOUGH_RUNS, value, runs, None, None)
    usual = median(earlier)
    noise = _few_values(runs) * _SCALE * median(abs(each - usual) for each in earlier)
    margin = max(NOISE_FACTOR * noise, _LEAST_SHARE.get(figure, 0.0) * usual, _LEAST.get(figure, 0.0))
    if value is None:
        return FigureComparison(figure, Outcome.WORSE, value, runs, usual, margin)
    beyond = usual - value if figure in _LOW_IS_BAD else value - usual
    outcome = Outcome.WORSE if beyond > margin else Outcome.BETTER if beyond < -margin else Outcome.AS_USUAL
    return FigureComparison(figure, outcome, value, runs, usual, margin)


def _few_values(count: int) -> float:
    """By what the median absolute deviation of so few normal values falls short."""
    return _FEW.get(count, count / (count - 0.8))
