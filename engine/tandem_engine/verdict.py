"""How a run ended: one pure decision from what the engine did, what the process said, and what the files hold."""

import re
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tandem_engine.execution import EndCause, ExecutionFiles, Status
from tandem_engine.execution_request import ExecutionRequest
from tandem_engine.live_figures import Totals

# The last line that JMeter prints in non-GUI mode when it came to its end by itself or by Shutdown/StopTestNow.
_END_OF_RUN: Final = "... end of run"
_LOOKED_AT: Final = 256 * 1024
_LONGEST_REASON: Final = 1000
_LOG_FAULT: Final = re.compile(r"^\S+ \S+ (?:ERROR|FATAL) (.*)$")
_LOG_LINE: Final = re.compile(r"^\d{4}-\d\d-\d\d \S+ [A-Z]+ ")
_EXCEPTION: Final = re.compile(r"^(?:Caused by: )?([\w.$]+(?:Exception|Error|Throwable)\b.*)$")
_TEST_FAILED: Final = "Test failed!"
_MISSING_FILE: Final = (
    re.compile(r"File (.+?) must exist and be readable"),
    re.compile(r"FileNotFoundException: (.+?) \("),
    re.compile(r"NoSuchFileException: (\S.*)$"),
)


@dataclass(frozen=True, slots=True)
class Ending:
    """The facts at the end of a run. ``return_code`` is None when the process was not our child.

    ``broke``: what is to be said of a JMeter of which threads died, whatever it says of itself.
    """

    cause: EndCause | None
    return_code: int | None
    came_to_its_end: bool
    while_engine_was_down: bool
    totals: Totals
    reason: str | None
    broke: str | None = None
    out_of_memory: bool = False


def decide(ending: Ending, request: ExecutionRequest) -> tuple[Status, str | None]:
    """The final status and the error message."""
    match ending.cause:
        case EndCause.REQUESTED:
            return Status.STOPPED, None
        case EndCause.SHUTDOWN:
            return Status.STOPPED, "stopped because the engine was shut down"
        case EndCause.TIMEOUT:
            return Status.TIMEOUT, f"stopped at its timeout of {request.timeout} s"
        case EndCause.RESULT_SIZE:
            return Status.FAILED, "stopped because its result file is as large as the engine lets one grow"
        case EndCause.DISK_FULL:
            return Status.FAILED, "stopped because the engine's disk is nearly full"
        case EndCause.DURATION | EndCause.TEAR_DOWN | None if ending.broke is not None:
            return Status.FAILED, _joined(ending.broke, None if ending.out_of_memory else ending.reason)
        case EndCause.DURATION | EndCause.TEAR_DOWN if ending.totals.total > 0:
            return Status.COMPLETED, None
        case EndCause.DURATION | EndCause.TEAR_DOWN:
            return Status.FAILED, _joined("the main thread groups ended without a single sample", ending.reason)
        case EndCause.SET_UP:
            what = f"the main thread groups sent nothing within the set-up limit of {request.set_up_limit} s"
            return Status.FAILED, _joined(what, ending.reason)
        case None:
            pass
    normally = ending.return_code == 0 or (ending.return_code is None and ending.came_to_its_end)
    if normally and ending.totals.total > 0:
        return Status.COMPLETED, None
    if normally:
        return Status.FAILED, _joined("JMeter ended without a single sample", ending.reason)
    if _duration_was_reached(ending.totals, request.duration):
        return Status.COMPLETED, None
    if ending.return_code is None:
        when = " while the engine was down" if ending.while_engine_was_down else ""
        return Status.FAILED, _joined(f"JMeter ended before its time{when}", ending.reason)
    if ending.return_code < 0:
        return Status.FAILED, _joined(f"JMeter was killed by {_signal_name(-ending.return_code)}", ending.reason)
    return Status.FAILED, _joined(f"JMeter ended with exit code {ending.return_code}", ending.reason)


def came_to_its_end(files: ExecutionFiles) -> bool:
    """Whether JMeter itself said that the run is over."""
    return _END_OF_RUN in _tail(files.output)


def reason_of_failure(files: ExecutionFiles) -> str | None:
    """The sentence in JMeter's output or log that says best why it failed; None when there is none."""
    return reason_of_failure_in(files.output, files.log)


def reason_of_failure_in(output_file: Path, log: Path) -> str | None:
    """As ``reason_of_failure``, for any call to JMeter."""
    output = _tail(output_file)
    for line in output.splitlines():
        if line.startswith(("An error occurred: ", "Error in NonGUIDriver ")):
            # The cause is on the lines that follow; "Detail:" begins a dump of the XML reader's state.
            told = output[output.index(line) :].partition("Detail:")[0]
            return _shortened(told.partition("\nAn error occurred: ")[0])
    if (wrong := _told_in_log(_tail(log).splitlines())) is not None:
        return _shortened(wrong)
    for line in output.splitlines():
        if re.search(r"OutOfMemoryError|Could not |Error: |Unrecognized|Invalid ", line):
            return _shortened(line)
    return None


def _told_in_log(lines: list[str]) -> str | None:
    """What the log says went wrong, with its cause: a test that failed rather than what went wrong on the way."""
    wrong = [(number, found.group(1)) for number, line in enumerate(lines) if (found := _LOG_FAULT.match(line))]
    if not wrong:
        return None
    number, said = next((each for each in wrong if each[1].endswith(_TEST_FAILED)), wrong[0])
    cause = _cause(lines[number + 1 :])
    if cause is None:
        return said
    if missing := next(filter(None, (pattern.search(cause) for pattern in _MISSING_FILE)), None):
        return f"{missing.group(1)}: no such file, or it cannot be read ({said})"
    return cause if said.endswith(_TEST_FAILED) else f"{said}: {cause}"


def _cause(lines: list[str]) -> str | None:
    """The innermost exception of the stack trace with which the lines begin."""
    cause = None
    for line in lines:
        if _LOG_LINE.match(line):
            break
        if found := _EXCEPTION.match(line):
            cause = found.group(1)
    return cause


def _duration_was_reached(totals: Totals, duration: int | None) -> bool:
    if duration is None or totals.first_start is None or totals.last_end is None:
        return False
    # The clock of the thread groups starts a little before the first sample: a tenth, at most 1 s, is forgiven.
    return totals.last_end - totals.first_start >= duration * 1000 - min(duration * 100, 1000)


def _joined(what: str, why: str | None) -> str:
    return f"{what}: {why}" if why else what


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _shortened(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_REASON]


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _LOOKED_AT))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        # A reason is good to have; that its file is missing or unreadable changes no verdict.
        return ""
