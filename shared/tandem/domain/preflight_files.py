"""Which files a plan takes along, and which it would look for, or leave, on the engine."""

import re

from tandem.domain.plan_expressions import data_file_name
from tandem.domain.plan_facts import FileFact, FileUse
from tandem.domain.preflight_case import SHOWN, Case
from tandem.domain.preflight_report import FindingCode, Severity

# A name in the directory of the run itself, in which a plan may do as it likes.
_WITHIN_THE_RUN = re.compile(r"(?!.*(?:^|/)\.\.?(?:/|$))[^/\\~$*:][^\\$:]*")


def judge_files(case: Case) -> None:
    """Judge every file that something of the plan names and that may run."""
    for fact in case.facts.files:
        if not case.runs(fact.element):
            continue
        if fact.use is FileUse.CSV_DATA:
            _judge_data_file(case, fact)
        elif fact.use is FileUse.PLAN:
            _judge_include(case, fact)
        elif fact.use is FileUse.WRITE:
            _judge_written(case, fact)
        else:
            _judge_read(case, fact)


def _judge_data_file(case: Case, fact: FileFact) -> None:
    name = data_file_name(fact.file_name)
    if name is None:
        shown = fact.file_name[:SHOWN] or "none named"
        message = f"Its file ({shown}) cannot be linked: the name itself is no plain text."
        case.add(
            FindingCode.UNRESOLVED,
            case.when_forbidden(case.denies_code),
            fact.element,
            message,
            what="its file",
            shown=shown,
        )
    elif not _goes_along(case, fact):
        _missing(case, fact, name if fact.linked else fact.file_name)


def _missing(case: Case, fact: FileFact, name: str) -> None:
    if case.properties is None:
        message = f"It reads {name[:SHOWN]!r}: upload it as a data file and name it in the definition's dataFiles."
        case.add(FindingCode.DATA_FILE_MISSING, Severity.OK, fact.element, message, file=name[:SHOWN])
        return
    message = f"It reads {name[:SHOWN]!r}, which is not among the data files; the run needs it on the engine."
    severity = case.when_forbidden(case.denies_code)
    case.add(FindingCode.DATA_FILE_MISSING, severity, fact.element, message, file=name[:SHOWN])


def _goes_along(case: Case, fact: FileFact) -> bool:
    """Whether what is read is certainly a data file, which lies beside the plan under its own name."""
    name = data_file_name(fact.file_name) if fact.linked else fact.file_name.removeprefix("./")
    return name in case.data_files


def _judge_read(case: Case, fact: FileFact) -> None:
    name = fact.file_name.removeprefix("./")
    if fact.function == "__CSVRead" and name.startswith("*"):
        # Another name for a file that some call opens by its own.
        return
    if _goes_along(case, fact):
        return
    plain = _WITHIN_THE_RUN.fullmatch(name) is not None and "/" not in name
    missing = data_file_name(fact.file_name) if fact.linked else name if plain else None
    if missing is not None:
        _missing(case, fact, missing)
        return
    by = f" by {fact.function}" if fact.function else ""
    message = f"It reads {fact.file_name[:SHOWN]} on the engine{by}; only a data file of the definition goes along."
    severity = Severity.DENY if case.denies_code else Severity.WARN
    case.add(FindingCode.EXTERNAL_FILE, severity, fact.element, message, use="read", file=fact.file_name[:SHOWN])


def _judge_written(case: Case, fact: FileFact) -> None:
    inside = fact.function is None and _WITHIN_THE_RUN.fullmatch(fact.file_name) is not None
    severity = Severity.OK if inside else Severity.DENY if case.denies_code else Severity.WARN
    where = "in the directory of the run, which goes with it" if inside else "on the engine"
    message = f"It writes to {fact.file_name[:SHOWN]} {where}."
    case.add(FindingCode.EXTERNAL_FILE, severity, fact.element, message, use="write", file=fact.file_name[:SHOWN])


def _judge_include(case: Case, fact: FileFact) -> None:
    """A fragment among the data files was read with the plan, and what it holds is judged as the plan is."""
    if _goes_along(case, fact):
        return
    name = fact.file_name.removeprefix("./")
    shown = fact.file_name[:SHOWN]
    if case.properties is None:
        message = (
            f"It runs the plan in {shown!r}: upload that as a data file and name it in the definition's dataFiles."
        )
        severity = Severity.WARN
    elif "/" not in name and "\\" not in name:
        message = f"It runs the plan in {shown!r}, which is not among the data files: nothing of it would run."
        severity = Severity.DENY
    else:
        message = f"It runs the plan in {shown!r} on the engine, which was not judged."
        severity = Severity.DENY if case.policy.wants_to_read else Severity.WARN
    case.add(FindingCode.EXTERNAL_PLAN, severity, fact.element, message, file=shown)
