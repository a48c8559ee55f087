"""The stall-honest estimate, against the definition carried out value by value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.domain.corrected import corrected, expected_interval_ms
from tandem.domain.samples import Group


def group(latencies: list[int], threads: int | None = 1) -> Group:
    distinct = sorted(set(latencies))
    counts = [latencies.count(value) for value in distinct]
    return Group(len(latencies), 0, 0, 0, 0, 1, threads, sum(latencies), distinct, counts)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=30), st.integers(1, 50))
def test_it_is_the_nearest_rank_over_raw_and_added_values_and_never_below_the_raw_one(
    latencies: list[int], interval: int
) -> None:
    values = list(latencies)
    for latency in latencies:
        missing = latency - interval
        while missing >= interval:
            values.append(missing)
            missing -= interval
    values.sort()
    raw = sorted(latencies)

    def rank(of: list[int], percent: int) -> int:
        return next(value for place, value in enumerate(of, 1) if place * 100 >= percent * len(of))

    found = corrected(group(latencies), interval)
    assert found is not None
    assert found.p95 == max(rank(values, 95), rank(raw, 95))
    assert found.p99 == max(rank(values, 99), rank(raw, 99))


def test_a_stall_of_ten_seconds_shows_in_the_corrected_p95_and_not_in_the_raw_one() -> None:
    found = corrected(group([10] * 999 + [10_000]), 100)
    assert found is not None
    # 999 short ones, and the stall's 10,000, 9,900, ... 100: 1,099 values, of which 55 lie above the p95.
    assert found.p95 == 10_000 - 54 * 100


def test_where_a_whole_phase_is_slow_the_observed_percentile_stands() -> None:
    # By the bare method: 94 short ones and six times 1,000, 900, ... 100, of whose 154 the p95 is 900.
    found = corrected(group([1] * 94 + [1000] * 6), 100)
    assert found is not None
    assert found.p95 == 1000


@pytest.mark.parametrize(("threads", "expected"), [(5, 100), (None, None), (0, None)])
def test_the_expected_interval_is_threads_by_rate(threads: int | None, expected: int | None) -> None:
    assert expected_interval_ms(group([20] * 500, threads), 10_000) == expected


def test_without_samples_there_is_no_estimate() -> None:
    assert corrected(group([]), 100) is None
    assert expected_interval_ms(group([]), 10_000) is None
