"""Recovery and verdict on runs whose fault and recovery are known because the samples were made so."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from tandem.adapters.jtl.reader import read_jtl
from tandem.domain.analysis import analyse
from tandem.domain.fault_window import WindowSource
from tandem.domain.samples import EPOCH, AnalysisPlan
from tandem.domain.strategy import Slo
from tandem.domain.verdict import Verdict, judge
from tandem.domain.verdict_doubts import LoadFacts
from tandem.domain.verdict_reasons import ReasonCode, VerdictStatus

from tests.factories.jtl import Sample, jtl

START_SEC = 1_755_591_300
PROVEN = LoadFacts(proven=True, start_from=WindowSource.TOLD, end_from=WindowSource.TOLD)


def run(change: Callable[[int, Sample], Sample | None], seconds: int = 120, rate: int = 50) -> list[Sample]:
    """A run of noisy samples around 100 ms; ``change(second, sample)`` alters or drops those that end in a second."""
    noise = random.Random(11)
    made = []
    for second in range(seconds):
        for number in range(noise.randint(rate - 2, rate + 2)):
            end = (START_SEC + second) * 1000 + number * (1000 // (rate + 3))
            elapsed = max(1, round(noise.gauss(100, 10)))
            sample = change(second, Sample(end - elapsed, elapsed))
            if sample is not None:
                made.append(replace(sample, start=end - sample.elapsed))
    return made


def plan(fault_start: float | None = 60, fault_end: float | None = 80) -> AnalysisPlan:
    def at(second: float | None) -> timedelta | None:
        return None if second is None else timedelta(seconds=START_SEC + second)

    start, end = at(fault_start), at(fault_end)
    return AnalysisPlan(None if start is None else EPOCH + start, None if end is None else EPOCH + end)


def verdict(
    samples: list[Sample], slo: Slo | None = None, asked: AnalysisPlan | None = None, load: LoadFacts = PROVEN
) -> Verdict:
    asked = asked or plan()
    return judge(analyse(read_jtl, [[jtl(samples)]], asked), asked, slo, load)


def steady(second: int, sample: Sample) -> Sample:
    return sample


def slow_from_63_to_85(second: int, sample: Sample) -> Sample:
    return replace(sample, elapsed=sample.elapsed * 4) if 63 <= second < 85 else sample


def failing(message: str, code: str, every: int) -> Callable[[int, Sample], Sample]:
    counter = iter(range(1_000_000))

    def change(_second: int, sample: Sample) -> Sample:
        return replace(sample, success=False, code=code, message=message) if next(counter) % every == 0 else sample

    return change


def out_of_ports(second: int, sample: Sample) -> Sample:
    """What JMeter writes when the machine has no local port left, for a tenth of the samples."""
    if sample.start % 10:
        return sample
    code = "Non HTTP response code: java.net.NoRouteToHostException"
    message = "Non HTTP response message: Cannot assign requested address (Address not available)"
    return replace(sample, success=False, code=code, message=message)


def codes(found: Verdict) -> set[ReasonCode]:
    return {reason.code for reason in found.reasons}


def test_a_service_that_feels_nothing_passes() -> None:
    found = verdict(run(steady), Slo(max_p95_ms=200, max_error_rate=0.01, max_recovery_sec=10))
    assert (found.status, found.reasons) == (VerdictStatus.PASS, ())
    assert found.recovery is not None
    assert (found.recovery.time_to_detect_sec, found.recovery.time_to_recover_sec) == (None, None)
    assert found.recovery.recovered is None
    assert found.failed_requests == 0


def test_the_times_to_detect_and_to_recover_are_those_the_run_was_made_with() -> None:
    found = verdict(run(slow_from_63_to_85))
    assert found.recovery is not None
    assert (found.recovery.time_to_detect_sec, found.recovery.time_to_recover_sec) == (3, 5)
    assert (found.recovery.recovered, found.recovery.breach_sec) == (True, 22)
    assert (found.status, codes(found)) == (VerdictStatus.DEGRADED, {ReasonCode.P95_WORSE_THAN_BASELINE})


def test_one_bad_second_is_not_a_sustained_breach() -> None:
    found = verdict(run(lambda second, s: replace(s, elapsed=s.elapsed * 9) if second == 110 else s))
    assert found.recovery is not None
    assert found.recovery.time_to_detect_sec is None


def test_a_service_that_does_not_recover_within_the_run_says_so() -> None:
    found = verdict(run(lambda second, s: replace(s, success=second < 65)), Slo(max_recovery_sec=30))
    assert found.recovery is not None
    assert (found.recovery.time_to_recover_sec, found.recovery.recovered) == (None, False)
    assert (found.status, codes(found)) == (VerdictStatus.FAIL, {ReasonCode.RECOVERY_TOO_SLOW})


def test_a_run_too_short_to_see_the_recovery_that_the_slo_allows_is_inconclusive() -> None:
    found = verdict(run(lambda second, s: replace(s, success=second < 65)), Slo(max_recovery_sec=300))
    assert (found.status, codes(found)) == (VerdictStatus.INCONCLUSIVE, {ReasonCode.RECOVERY_NOT_OBSERVED})


@pytest.mark.parametrize(
    ("slo", "code"),
    [
        (Slo(max_p95_ms=300), ReasonCode.P95_ABOVE_SLO),
        (Slo(max_recovery_sec=4), ReasonCode.RECOVERY_TOO_SLOW),
        (Slo(max_error_rate=0.05), ReasonCode.ERROR_RATE_ABOVE_SLO),
        (Slo(min_throughput_ratio=0.9), ReasonCode.THROUGHPUT_BELOW_SLO),
    ],
)
def test_each_bound_of_the_slo_is_judged(slo: Slo, code: ReasonCode) -> None:
    counter = iter(range(100_000))

    def hurt(second: int, sample: Sample) -> Sample | None:
        if not 63 <= second < 85:
            return sample
        number = next(counter)
        return None if number % 2 else replace(sample, elapsed=sample.elapsed * 4, success=number % 4 == 0)

    found = verdict(run(hurt), slo)
    assert (found.status, codes(found)) == (VerdictStatus.FAIL, {code})


def test_failed_and_missing_requests_are_counted_from_the_faults_start_on() -> None:
    def lost(second: int, sample: Sample) -> Sample | None:
        if second == 10:
            return replace(sample, success=False)
        if 60 <= second < 70:
            return None
        return replace(sample, success=not 70 <= second < 72)

    samples = run(lost)
    found = verdict(samples)
    assert found.failed_requests == sum(not s.success and s.end >= (START_SEC + 60) * 1000 for s in samples)
    assert found.throughput_deficit == pytest.approx(500, rel=0.1)
    assert ReasonCode.THROUGHPUT_WORSE_THAN_BASELINE in codes(found)


def test_a_stall_of_the_whole_window_is_no_want_of_samples() -> None:
    found = verdict(run(lambda second, s: None if 60 <= second < 80 else s), Slo(min_throughput_ratio=0.5))
    assert (found.status, codes(found)) == (VerdictStatus.FAIL, {ReasonCode.THROUGHPUT_BELOW_SLO})


@pytest.mark.parametrize(
    ("samples", "asked", "load", "code"),
    [
        ([], plan(), PROVEN, ReasonCode.RESULTS_EMPTY),
        (run(steady), plan(None, None), PROVEN, ReasonCode.NO_FAULT_WINDOW),
        (run(steady), plan(-50, -20), PROVEN, ReasonCode.NO_FAULT_WINDOW),
        (run(steady), plan(), LoadFacts(proven=False), ReasonCode.LOAD_NOT_PROVEN),
        (run(out_of_ports), plan(), PROVEN, ReasonCode.GENERATOR_SATURATED),
        (run(steady, seconds=70), plan(), PROVEN, ReasonCode.LOAD_ENDED_EARLY),
        (run(steady, seconds=50), plan(), PROVEN, ReasonCode.LOAD_ENDED_EARLY),
        (run(steady), plan(60, None), PROVEN, ReasonCode.LOAD_ENDED_EARLY),
        (run(steady), plan(3, 80), PROVEN, ReasonCode.TOO_FEW_SAMPLES),
        (run(steady), plan(60, 60.2), PROVEN, ReasonCode.TOO_FEW_SAMPLES),
    ],
)
def test_what_cannot_be_judged_is_never_a_pass(
    samples: list[Sample], asked: AnalysisPlan, load: LoadFacts, code: ReasonCode
) -> None:
    found = verdict(samples, Slo(max_p95_ms=10_000), asked, load)
    assert found.status is VerdictStatus.INCONCLUSIVE
    assert code in codes(found)


@pytest.mark.parametrize(
    ("code", "message", "every", "is_the_generator"),
    [
        (
            "Non HTTP response code: java.net.BindException",
            "Non HTTP response message: Address already in use",
            50,
            True,
        ),
        (
            "Non HTTP response code: java.net.SocketException",
            "Non HTTP response message: Too many open files",
            50,
            True,
        ),
        (
            "Non HTTP response code: java.net.BindException",
            "Non HTTP response message: Address already in use",
            200,
            False,
        ),
        (
            "Non HTTP response code: java.net.ConnectException",
            "Non HTTP response message: Connection refused",
            2,
            False,
        ),
        ("500", "java.lang.OutOfMemoryError: Too many open files", 2, False),
    ],
)
def test_only_errors_of_the_generators_own_machine_say_that_it_was_the_bottleneck(
    code: str, message: str, every: int, is_the_generator: bool
) -> None:
    found = codes(verdict(run(failing(message, code, every))))
    assert (ReasonCode.GENERATOR_SATURATED in found) is is_the_generator


def verdict_of_engines(loads: list[list[Sample]], slo: Slo | None = None) -> Verdict:
    """The verdict on a run whose load several engines made."""
    return judge(analyse(read_jtl, [[jtl(load)] for load in loads], plan()), plan(), slo, PROVEN)


def test_an_engine_whose_load_ended_before_the_fault_did_is_a_doubt_and_no_loss_of_throughput() -> None:
    found = verdict_of_engines([run(steady), run(steady, seconds=70)], Slo(min_throughput_ratio=0.9))
    assert (found.status, codes(found)) == (VerdictStatus.INCONCLUSIVE, {ReasonCode.LOAD_ENDED_EARLY})
    assert "one engine" in found.reasons[0].message


def test_engines_that_do_not_end_in_the_same_second_are_not_held_against_the_service() -> None:
    loads = [run(steady, seconds=95), run(steady, seconds=88)]
    found = verdict_of_engines(loads, Slo(min_throughput_ratio=0.9, max_recovery_sec=10))
    assert (found.status, found.reasons) == (VerdictStatus.PASS, ())
    assert found.throughput_deficit == pytest.approx(0, abs=60)


def test_what_all_engines_lack_is_held_against_the_service() -> None:
    def half_from_63(second: int, sample: Sample) -> Sample | None:
        return None if second >= 63 and sample.elapsed % 2 else sample

    found = verdict_of_engines([run(half_from_63), run(half_from_63, seconds=115)], Slo(min_throughput_ratio=0.9))
    assert (found.status, codes(found)) == (VerdictStatus.FAIL, {ReasonCode.THROUGHPUT_BELOW_SLO})
