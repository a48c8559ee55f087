"""A run beside earlier ones whose noise is known, because they were made so."""

import random
import statistics

import pytest
from tandem.domain.comparison import MIN_RUNS, ComparedFigure, Outcome, compare, compared_figures

P95, ERRORS, THROUGHPUT, RECOVERY = ComparedFigure


def outcome(figure: ComparedFigure, value: float | None, earlier: list[float]) -> Outcome:
    found = compare({figure: value}, [{figure: each} for each in earlier], 0)
    assert found.outcome == found.figures[0].outcome
    return found.outcome


@pytest.mark.parametrize(
    ("figure", "value", "expected"),
    [
        (P95, 4.3, Outcome.AS_USUAL),
        (P95, 9.0, Outcome.WORSE),
        (P95, 1.0, Outcome.BETTER),
        (ERRORS, 0.108, Outcome.AS_USUAL),
        (ERRORS, 0.30, Outcome.WORSE),
        (ERRORS, 0.0, Outcome.BETTER),
        (THROUGHPUT, 0.69, Outcome.AS_USUAL),
        (THROUGHPUT, 0.30, Outcome.WORSE),
        (THROUGHPUT, 0.99, Outcome.BETTER),
        (RECOVERY, 12.0, Outcome.AS_USUAL),
        (RECOVERY, 60.0, Outcome.WORSE),
        (RECOVERY, 0.0, Outcome.BETTER),
        (RECOVERY, None, Outcome.WORSE),
    ],
)
def test_what_is_beyond_the_noise_is_worse_or_better(
    figure: ComparedFigure, value: float | None, expected: Outcome
) -> None:
    usual = {P95: 4.0, ERRORS: 0.1, THROUGHPUT: 0.7, RECOVERY: 10.0}[figure]
    earlier = [usual * (1 + wobble) for wobble in (-0.04, 0.01, -0.02, 0.03, 0.0)]
    assert outcome(figure, value, earlier) is expected


def test_one_odd_run_moves_neither_what_is_usual_nor_the_noise() -> None:
    steady = [4.0, 4.1, 3.9, 4.05, 3.95, 4.0]
    assert outcome(P95, 5.0, steady) is Outcome.WORSE
    assert outcome(P95, 5.0, [*steady, 40.0]) is Outcome.WORSE


def test_runs_that_never_agreed_tell_less() -> None:
    assert outcome(P95, 5.0, [2.0, 6.0, 3.0, 5.5, 4.0]) is Outcome.AS_USUAL


@pytest.mark.parametrize("runs", range(MIN_RUNS))
def test_too_few_earlier_runs_tell_no_noise(runs: int) -> None:
    assert outcome(P95, 400.0, [4.0] * runs) is Outcome.NOT_ENOUGH_RUNS


@pytest.mark.parametrize("runs", [3, 5, 10])
def test_runs_that_differ_by_chance_alone_are_seldom_called_worse(runs: int) -> None:
    chance = random.Random(runs)
    told = [outcome(RECOVERY, chance.gauss(100, 10), [chance.gauss(100, 10) for _ in range(runs)]) for _ in range(4000)]
    false_alarms = told.count(Outcome.WORSE) / len(told)
    # Of ten earlier runs about 2 % by Student's distribution and the spread of the deviation; of three far more.
    assert false_alarms < {3: 0.12, 5: 0.06, 10: 0.03}[runs]


def test_a_shift_of_six_noises_is_found() -> None:
    chance = random.Random(1)
    told = [outcome(RECOVERY, chance.gauss(160, 10), [chance.gauss(100, 10) for _ in range(10)]) for _ in range(1000)]
    assert told.count(Outcome.WORSE) > 950


def test_the_margin_is_three_robust_deviations_corrected_for_few_values() -> None:
    earlier = [8.0, 10.0, 30.0, 14.0, 12.0]
    found = compare({RECOVERY: 10.0}, [{RECOVERY: each} for each in earlier], 2)
    deviation = statistics.median(abs(each - statistics.median(earlier)) for each in earlier)
    assert found.figures[0].usual == 12.0
    assert found.figures[0].margin == pytest.approx(3 * 1.206 * 1.4826 * deviation)
    assert (found.runs, found.other_definitions) == (5, 2)


def test_one_worse_figure_makes_the_whole_worse() -> None:
    earlier = [{P95: 4.0, THROUGHPUT: 0.7, ERRORS: 0.1}] * 4
    found = compare({P95: 1.0, THROUGHPUT: 0.7, ERRORS: 0.4}, earlier, 0)
    assert [each.outcome for each in found.figures] == [Outcome.BETTER, Outcome.WORSE, Outcome.AS_USUAL]
    assert found.outcome is Outcome.WORSE


def test_a_figure_that_few_earlier_runs_have_is_judged_by_those_alone() -> None:
    earlier: list[dict[ComparedFigure, float | None]] = [
        {P95: 4.0, RECOVERY: 9.0},
        {P95: 4.0},
        {P95: 4.0, RECOVERY: None},
    ]
    found = compare({P95: 4.0, RECOVERY: 9.0}, earlier, 0)
    assert [(each.outcome, each.runs) for each in found.figures] == [
        (Outcome.AS_USUAL, 3),
        (Outcome.NOT_ENOUGH_RUNS, 1),
    ]


def test_the_numbers_are_those_of_the_documents() -> None:
    change = {"p95": 3.0, "errorRate": 0.2, "requestsPerSec": None}
    results = {"phases": [{"name": "BASELINE"}, {"name": "FAULT", "change": change}]}
    verdict = {"status": "DEGRADED", "timeToRecoverSec": None, "recovered": False}
    assert compared_figures(results, verdict) == {P95: 3.0, ERRORS: 0.2, RECOVERY: None}
    assert compared_figures(results, verdict | {"status": "INCONCLUSIVE"}) == {}
    assert compared_figures(None, verdict) == compared_figures(results, None) == {}
