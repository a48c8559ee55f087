"""When a verdict cannot be given: runs that must never pass, each beside a healthy twin that does."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem.adapters.jtl.reader import read_jtl
from tandem.domain.analysis import analyse
from tandem.domain.fault_window import WindowSource
from tandem.domain.samples import PhaseName
from tandem.domain.strategy import Slo
from tandem.domain.verdict import Verdict, judge
from tandem.domain.verdict_doubts import LoadFacts, healthy_error_rate
from tandem.domain.verdict_reasons import ReasonCode, VerdictStatus, generator_exhausted

from tests.factories.jtl import Sample, jtl
from tests.unit.analysis.test_verdict import PROVEN, codes, plan, run, slow_from_63_to_85, steady, verdict

Change = Callable[[int, Sample], Sample | None]


def failing_every(number: int, first: int = 0, last: int = 10_000) -> Change:
    counter = iter(range(1_000_000))

    def change(second: int, sample: Sample) -> Sample:
        fails = first <= second < last and next(counter) % number == 0
        return replace(sample, success=False, code="503") if fails else sample

    return change


def answering(code: str) -> Change:
    return lambda _second, sample: replace(sample, success=False, code=code)


def slow(first: int, last: int) -> Change:
    return lambda second, sample: replace(sample, elapsed=sample.elapsed * 9) if first <= second < last else sample


def silent(first: int, last: int) -> Change:
    return lambda second, sample: None if first <= second < last else sample


def only(found: Verdict) -> dict[str, object]:
    """The values of the one reason there is."""
    [reason] = found.reasons
    return dict(reason.values)


@pytest.mark.parametrize(
    ("change", "slo", "case"),
    [
        (failing_every(3), None, "ERROR_RATE"),
        (answering("404"), None, "ERROR_RATE"),
        (answering("503"), Slo(max_p95_ms=1_000), "ERROR_RATE"),
        (failing_every(50), Slo(max_error_rate=0.01), "ERROR_RATE"),
        (slow(0, 120), Slo(max_p95_ms=300), "P95"),
        (failing_every(1, 57), None, "ERROR_RATE_LAST"),
        (failing_every(1, 58, 60), None, "ERROR_RATE_LAST"),
        (failing_every(2, 55, 60), Slo(max_error_rate=0.2), "ERROR_RATE_LAST"),
        (slow(58, 60), Slo(max_p95_ms=300), "P95_LAST"),
        (silent(55, 60), None, "SILENT_LAST"),
    ],
)
def test_a_service_that_was_not_healthy_before_the_fault_is_not_judged(
    change: Change, slo: Slo | None, case: str
) -> None:
    found = verdict(run(change), slo)
    assert found.status is VerdictStatus.INCONCLUSIVE
    assert [reason.values["case"] for reason in found.reasons if reason.code is ReasonCode.BASELINE_UNHEALTHY] == [case]


@pytest.mark.parametrize(
    ("change", "slo"),
    [
        (failing_every(20), None),
        (failing_every(200), Slo(max_error_rate=0.01)),
        (failing_every(3, 50, 51), None),
        (lambda second, sample: replace(sample, success=second != 59 or bool(sample.start % 50)), None),
        (slow(40, 41), Slo(max_p95_ms=300)),
    ],
)
def test_a_baseline_within_its_limit_is_healthy(change: Change, slo: Slo | None) -> None:
    found = verdict(run(change), slo)
    assert (found.status, found.reasons) == (VerdictStatus.PASS, ())


def test_the_strategy_says_what_a_healthy_baseline_fails_where_the_slo_does_not() -> None:
    samples = run(failing_every(3))
    expected = replace(PROVEN, expected_error_rate=0.4)
    assert verdict(samples, load=expected).status is VerdictStatus.PASS
    assert codes(verdict(samples, Slo(max_error_rate=0.3), load=expected)) == {ReasonCode.BASELINE_UNHEALTHY}
    assert codes(verdict(run(failing_every(20)), load=replace(PROVEN, expected_error_rate=0.01))) == {
        ReasonCode.BASELINE_UNHEALTHY
    }


def test_the_last_seconds_of_a_long_baseline_are_seen_though_its_buckets_are_wide() -> None:
    asked = plan(1_203.5, 1_260)
    dying = run(failing_every(1, 1_200), seconds=1_300, rate=5)
    found = verdict(dying, asked=asked)
    assert codes(found) == {ReasonCode.BASELINE_UNHEALTHY}
    assert only(found)["case"] == "ERROR_RATE_LAST"
    assert verdict(run(steady, seconds=1_300, rate=5), asked=asked).status is VerdictStatus.PASS


@pytest.mark.parametrize(
    ("start", "end", "case"),
    [
        (WindowSource.FAULT_WINDOW_OPEN, WindowSource.EXPERIMENT_FINISHED, "BOTH"),
        (WindowSource.TOLD, WindowSource.EXPERIMENT_FINISHED, "END"),
        (WindowSource.FAULT_AT, WindowSource.EXPERIMENT_FINISHED, "END"),
        (WindowSource.FAULT_WINDOW_OPEN, WindowSource.TOLD, "START"),
    ],
)
def test_figures_that_did_not_move_prove_nothing_of_a_fault_that_nobody_reported(
    start: WindowSource, end: WindowSource, case: str
) -> None:
    assumed = LoadFacts(True, start, end)
    found = verdict(run(steady), Slo(max_p95_ms=200), load=assumed)
    assert (found.status, codes(found)) == (VerdictStatus.INCONCLUSIVE, {ReasonCode.WINDOW_ASSUMED})
    assert only(found) == {"case": case, "start": start, "end": end}
    assert verdict(run(slow_from_63_to_85), load=assumed).status is VerdictStatus.DEGRADED
    assert verdict(run(slow_from_63_to_85), Slo(max_p95_ms=300), load=assumed).status is VerdictStatus.FAIL


def test_a_fault_announced_for_a_moment_and_reported_over_is_reported() -> None:
    load = LoadFacts(True, WindowSource.FAULT_AT, WindowSource.TOLD)
    found = verdict(run(steady), load=load)
    assert (found.status, found.reasons) == (VerdictStatus.PASS, ())


def test_a_failed_experiment_confirms_no_fault_and_excuses_no_broken_slo() -> None:
    failed = replace(PROVEN, experiment_failed=True)
    nothing = {ReasonCode.FAULT_NOT_CONFIRMED}
    assert codes(verdict(run(steady), load=failed)) == nothing
    assert codes(verdict(run(slow_from_63_to_85), load=failed)) == nothing
    assert verdict(run(slow_from_63_to_85), Slo(max_p95_ms=300), load=failed).status is VerdictStatus.FAIL
    unreported = replace(failed, start_from=WindowSource.FAULT_WINDOW_OPEN)
    found = verdict(run(slow_from_63_to_85), Slo(max_p95_ms=300), load=unreported)
    assert (found.status, codes(found)) == (VerdictStatus.INCONCLUSIVE, nothing)


def of_file(content: bytes, slo: Slo | None = None) -> Verdict:
    asked = plan()
    return judge(analyse(read_jtl, [[content]], asked), asked, slo, PROVEN)


def test_a_run_of_which_too_much_could_not_be_read_gives_no_good_news() -> None:
    whole = jtl(run(steady))
    rows = whole.count(b"\n") - 1
    few, many = (whole + b"1755591300000,x\n" * count for count in (rows // 2000, rows // 500))
    assert of_file(few).status is VerdictStatus.PASS
    found = of_file(many)
    assert codes(found) == {ReasonCode.RESULTS_INCOMPLETE}
    assert only(found) == {
        "skipped": rows // 500,
        "total": rows + rows // 500,
        "skippedRate": pytest.approx(0.002, rel=0.05),
    }
    slower = jtl(run(slow_from_63_to_85)) + b"1755591300000,x\n" * 100
    assert codes(of_file(slower)) == {ReasonCode.RESULTS_INCOMPLETE}
    assert of_file(slower, Slo(max_p95_ms=300)).status is VerdictStatus.FAIL


def test_a_file_that_does_not_say_what_failed_proves_nothing_good() -> None:
    columns = ["timeStamp", "elapsed", "label"]
    assert codes(of_file(jtl(run(steady), columns))) == {ReasonCode.ERRORS_UNKNOWN}
    assert of_file(jtl(run(slow_from_63_to_85), columns)).status is VerdictStatus.DEGRADED


@pytest.mark.parametrize(
    ("load", "code"),
    [
        (replace(PROVEN, missing_parts=("b",), parts=2), ReasonCode.PART_MISSING),
        (replace(PROVEN, unconfirmed=("b",)), ReasonCode.STOP_NOT_CONFIRMED),
        (
            replace(PROVEN, generator=(generator_exhausted(3, "java.lang.OutOfMemoryError", ""),)),
            ReasonCode.GENERATOR_SATURATED,
        ),
    ],
)
def test_what_is_known_to_be_missing_comes_before_what_was_measured(load: LoadFacts, code: ReasonCode) -> None:
    for change in (steady, slow_from_63_to_85):
        found = verdict(run(change), Slo(max_p95_ms=300), load=load)
        assert (found.status, codes(found)) == (VerdictStatus.INCONCLUSIVE, {code})


def test_what_was_worse_is_said_with_its_numbers() -> None:
    found = verdict(run(slow_from_63_to_85))
    values = only(found)
    assert values["case"] == "PHASE"
    assert values["phase"] == "FAULT"
    assert values["usualMs"] == pytest.approx(115, abs=5)
    assert values["measuredMs"] > 400  # type: ignore[operator]
    assert values["marginMs"] > 5  # type: ignore[operator]
    [reason] = found.reasons
    assert f"p95 {values['measuredMs']:.0f} ms in FAULT, baseline {values['usualMs']:.0f} ± " in reason.message


def test_some_seconds_in_a_row_are_said_with_their_worst() -> None:
    found = verdict(run(slow(70, 78), seconds=330), asked=plan(60, 320))
    values = only(found)
    assert (values["case"], "phase" in values) == ("INTERVALS", False)
    assert values["measuredMs"] > 800  # type: ignore[operator]


def test_a_pass_says_what_it_rests_on() -> None:
    found = verdict(run(failing_every(100)))
    assert found.status is VerdictStatus.PASS
    assert found.basis is not None
    assert found.basis.samples[PhaseName.BASELINE] == pytest.approx(3_000, rel=0.05)
    assert found.basis.samples[PhaseName.FAULT] == pytest.approx(1_000, rel=0.05)
    assert found.basis.samples[PhaseName.RECOVERY] == pytest.approx(2_000, rel=0.05)
    assert found.basis.baseline_error_rate == pytest.approx(0.01, rel=0.1)
    assert (found.basis.start_from, found.basis.end_from) == (WindowSource.TOLD, WindowSource.TOLD)


_SHARES = st.sampled_from([0.0, 0.005, 0.05, 0.3, 1.0])


@settings(max_examples=50, deadline=None)
@given(
    shares=st.tuples(_SHARES, _SHARES, _SHARES, _SHARES),
    rate=st.sampled_from([0, 1, 6, 25]),
    fault=st.tuples(st.integers(-5, 40), st.one_of(st.none(), st.integers(0, 30))),
    facts=st.builds(
        LoadFacts,
        proven=st.booleans(),
        start_from=st.sampled_from([None, WindowSource.TOLD, WindowSource.FAULT_AT, WindowSource.FAULT_WINDOW_OPEN]),
        end_from=st.sampled_from([None, WindowSource.TOLD, WindowSource.EXPERIMENT_FINISHED]),
        experiment_failed=st.booleans(),
        expected_error_rate=st.sampled_from([None, 0.0, 0.5]),
    ),
    slo=st.one_of(st.none(), st.builds(Slo, max_error_rate=st.sampled_from([None, 0.01, 1.0]))),
    seed=st.randoms(use_true_random=False),
)
def test_a_pass_is_never_given_for_nothing(
    shares: tuple[float, float, float, float],
    rate: int,
    fault: tuple[int, int | None],
    facts: LoadFacts,
    slo: Slo | None,
    seed: object,
) -> None:
    begins, lasts = fault
    ends = None if lasts is None else begins + lasts

    def change(second: int, sample: Sample) -> Sample | None:
        phase = 0 if second < begins - 5 else 1 if second < begins else 2 if ends is None or second < ends else 3
        return replace(sample, success=seed.random() >= shares[phase])  # type: ignore[attr-defined]

    samples = run(change, seconds=60, rate=rate + 2) if rate else []
    asked = plan(begins, ends)
    found = verdict(samples, slo, asked, facts)
    if found.status is not VerdictStatus.PASS:
        return
    assert facts.proven
    assert facts.start_reported
    assert facts.end_reported
    assert not facts.experiment_failed
    limit = healthy_error_rate(slo, facts.expected_error_rate)
    assert found.basis is not None
    assert found.basis.baseline_error_rate is not None
    assert found.basis.baseline_error_rate <= limit
    assert min(found.basis.samples[name] for name in (PhaseName.BASELINE, PhaseName.FAULT)) > 0
