"""The pages' sources: the bundles they make, and that both languages say everything."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import tandem.adapters.pages
from tandem.adapters.pages.bundle import chart_script, script, style
from tandem.adapters.pages.console import console_file
from tandem.domain import verdict_reasons as reasons
from tandem.domain.comparison import ComparedFigure, Outcome
from tandem.domain.fault_window import WindowSource
from tandem.domain.generator_health import GeneratorHealth
from tandem.domain.pages import ConsolePart
from tandem.domain.preflight_report import FindingCode, Severity
from tandem.domain.recovery import Figure
from tandem.domain.samples import PhaseName
from tandem.domain.task import TaskStatus
from tandem.domain.verdict_reasons import AdviceCode, ReasonCode, VerdictStatus

WEB = Path(tandem.adapters.pages.__file__).parent / "web"
SOURCES = {file.stem: file.read_text(encoding="utf-8") for file in sorted(WEB.glob("*.js"))}
TEXTS: dict[str, dict[str, str]] = json.loads((WEB / "texts.json").read_text(encoding="utf-8"))
MAINS = ["report_main", "console_main"]
_DECLARED = re.compile(r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)
_TOLD = re.compile(r'\bt\("([\w.]+)"')
_BUILT = re.compile(r"\b(?:t|hasText)\(`([\w.]*)\$\{")


@pytest.mark.parametrize("main", MAINS)
def test_a_bundle_is_one_script_without_imports_and_with_each_name_once(main: str) -> None:
    whole = script(main)

    assert not re.search(r"^(import|export) ", whole, re.MULTILINE)
    assert [name for name, times in Counter(_DECLARED.findall(whole)).items() if times > 1] == []


def test_every_module_is_used_by_a_page() -> None:
    bundled = "".join(script(main) for main in MAINS)

    assert [
        name for name, text in SOURCES.items() if _DECLARED.findall(text)[0] not in _DECLARED.findall(bundled)
    ] == []


def test_the_sources_never_read_text_as_markup() -> None:
    for text in SOURCES.values():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)


def test_both_languages_say_every_text_with_the_same_values() -> None:
    for key, text in TEXTS.items():
        assert set(text) == {"en", "zh"}, key
        assert all(text.values()), key
        assert set(re.findall(r"\{\w+\}", text["en"])) == set(re.findall(r"\{\w+\}", text["zh"])), key


def test_every_text_that_a_page_asks_for_is_there() -> None:
    asked = {key for text in SOURCES.values() for key in _TOLD.findall(text)}
    asked |= {f"verdict.{status}" for status in VerdictStatus} | {
        f"verdictSentence.{status}" for status in VerdictStatus
    }
    asked |= {f"advice.{code}" for code in AdviceCode} | {f"windowFrom.{source}" for source in WindowSource}
    asked |= {f"outcome.{outcome}" for outcome in Outcome} | {f"outcomeSentence.{outcome}" for outcome in Outcome}
    asked |= {f"compared.{figure}" for figure in ComparedFigure}
    asked |= {f"finding.{code}" for code in FindingCode} | {f"severity.{severity}" for severity in Severity}
    asked |= {f"reason.{code}" for code in ReasonCode} | {f"phase.{name}" for name in PhaseName}
    asked |= {f"status.{status}" for status in TaskStatus} | {f"event.TASK_{status}" for status in TaskStatus}

    assert sorted(asked - set(TEXTS)) == []


STRAINED_GENERATORS = [GeneratorHealth(cpu_mean=0.95), GeneratorHealth(gc_share=0.4)]
BROKEN_GENERATORS = [GeneratorHealth(out_of_memory=1), GeneratorHealth(thread_deaths=2, first_death="Uncaught")]
REASONS = [
    reasons.results_unreadable("why"),
    reasons.results_empty(),
    reasons.part_missing(["b"], 2),
    reasons.part_missing(["a", "b"], 2),
    reasons.stop_not_confirmed(["b"]),
    reasons.load_not_proven(),
    reasons.no_fault_window(),
    *(reasons.baseline_error_rate(0.3, 0.1, last_seconds=last) for last in (False, True)),
    *(reasons.baseline_p95(300, 100, last_seconds=last) for last in (False, True)),
    reasons.baseline_silent(12),
    reasons.too_few_in_baseline(3, 20, 5),
    reasons.too_few_in_fault(3, 20),
    reasons.none_in_fault(),
    reasons.ended_before_fault_did(None),
    reasons.ended_before_fault_did(2),
    reasons.one_engine_ended_early(2),
    reasons.fault_not_known_to_be_over(),
    reasons.generator_exhausted(3, "code", "text"),
    *(each for each in (reasons.generator_broke(health) for health in BROKEN_GENERATORS) if each is not None),
    *(each for each in (reasons.generator_strained(health) for health in STRAINED_GENERATORS) if each is not None),
    reasons.recovery_not_observed(3, 4),
    reasons.fault_not_confirmed(),
    reasons.results_incomplete(2, 10),
    reasons.errors_unknown(),
    *(reasons.window_assumed(None, None, case=case) for case in ("START", "END", "BOTH")),
    reasons.p95_above_slo(PhaseName.FAULT, 300, 100),
    reasons.error_rate_above_slo(PhaseName.FAULT, 0.3, 0.1),
    reasons.throughput_below_slo(PhaseName.FAULT, 0.3, 0.5),
    *(reasons.recovery_too_slow(9, 5, recovered=recovered) for recovered in (True, False)),
    *(reasons.worse_than_baseline(figure, phase, 3, 2, 2.5) for figure in Figure for phase in (PhaseName.FAULT, None)),
]


def test_every_reason_has_a_sentence_that_its_values_fill_in_both_languages() -> None:
    assert {reason.code for reason in REASONS} == set(ReasonCode)
    used = set()
    for reason in REASONS:
        case = reason.values.get("case")
        key = f"reasonText.{reason.code}" + ("" if case is None else f".{case}")
        used.add(key)
        for text in TEXTS[key].values():
            assert set(re.findall(r"\{(\w+)\}", text)) <= set(reason.values), key
    assert {key for key in TEXTS if key.startswith("reasonText.")} == used


def test_no_text_is_there_for_nobody() -> None:
    whole = "".join(SOURCES.values())
    prefixes = {prefix for text in SOURCES.values() for prefix in _BUILT.findall(text) if prefix}
    named = set(re.findall(r'"([\w.]+)"', whole))

    assert [key for key in TEXTS if key not in named and not any(key.startswith(prefix) for prefix in prefixes)] == []


def test_the_console_names_only_its_own_files() -> None:
    page = console_file(ConsolePart.PAGE)

    named = re.findall(r'(?:src|href)="([^"]+)"', page)

    assert named == ["data:,", "console?part=style", "console?part=charts", "console?part=script"]
    assert console_file(ConsolePart.STYLE) == style("style", "console")
    assert console_file(ConsolePart.CHARTS) == chart_script()
    assert console_file(ConsolePart.SCRIPT) == script("console_main")
    assert not re.search(r"<(script|style)(?![^>]*src=)[^>]*>", page)


def test_the_chart_library_says_its_version_and_licence() -> None:
    vendored = WEB.parent / "vendor" / "uplot"

    assert re.match(r"uplot \d+\.\d+\.\d+, from the npm registry\nsha512-", (vendored / "VERSION").read_text())
    assert "MIT License" in (vendored / "LICENSE").read_text()
