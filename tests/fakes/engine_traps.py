"""The switches of the trap engine: how runs behave, and how single calls go wrong."""

from dataclasses import dataclass
from enum import StrEnum


class Call(StrEnum):
    """The endpoints of the engine's API, as the traps and the call log name them."""

    UPLOAD = "UPLOAD"
    FILES = "FILES"
    START = "START"
    STOP = "STOP"
    STATUS = "STATUS"
    LIST = "LIST"
    RESULTS = "RESULTS"
    EVENTS = "EVENTS"
    SUMMARY = "SUMMARY"
    HEALTH = "HEALTH"
    CAPABILITIES = "CAPABILITIES"
    METRICS = "METRICS"
    STREAM = "STREAM"
    FILE = "FILE"
    OTHER = "OTHER"


class FaultKind(StrEnum):
    """How a call goes wrong. Unless said otherwise the engine does nothing of what it was asked."""

    CUT = "CUT"  # the connection is closed without an answer
    DO_AND_CUT = "DO_AND_CUT"  # the work is done, then the connection is closed: the answer is lost
    DO_AND_500 = "DO_AND_500"  # the work is done, then 500
    DO_AND_HANG = "DO_AND_HANG"  # the work is done, then nothing for ``seconds``
    HANG = "HANG"  # nothing for ``seconds``, then the connection is closed
    TRICKLE_HEADERS = "TRICKLE_HEADERS"  # a byte of the headers every 50 ms, for ``seconds``
    TRICKLE_BODY = "TRICKLE_BODY"  # whole headers, then a byte of the body every 50 ms, for ``seconds``
    ERROR_500 = "ERROR_500"
    PROXY_502 = "PROXY_502"  # HTML
    PROXY_504 = "PROXY_504"  # HTML
    BUSY_503 = "BUSY_503"  # with Retry-After: 7
    FRAMEWORK_400 = "FRAMEWORK_400"  # a framework's error body instead of the envelope
    HTML_200 = "HTML_200"
    HTML_404 = "HTML_404"
    EMPTY_404 = "EMPTY_404"
    WRONG_JSON = "WRONG_JSON"  # cut in the middle
    WRONG_SHAPE = "WRONG_SHAPE"  # an envelope whose data is of another shape
    DEEP_JSON = "DEEP_JSON"  # 100,000 brackets
    OTHER_RUN = "OTHER_RUN"  # a run, but not the one that was asked for
    HUGE = "HUGE"  # 12 MB that would be well-formed
    NOT_HTTP = "NOT_HTTP"
    REDIRECT = "REDIRECT"
    SLOW = "SLOW"  # the right answer, ``seconds`` late


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault for the next ``calls`` calls (``None``: all) that match ``on``, ``execution_id`` and ``test_name``.

    Empty ``on``, and ``None`` for the others, match any; ``test_name`` matches a part of a start's name.
    """

    kind: FaultKind
    on: frozenset[Call] = frozenset()
    execution_id: str | None = None
    test_name: str | None = None
    calls: int | None = 1
    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Traps:
    """How runs behave. The defaults are an engine without traps; ``DEPLOYED`` is the one that the API describes.

    Seconds are of the engine's own clock, except ``stop_takes_seconds``, for which a stop really blocks.
    """

    lean_envelope: bool = False  # trap 11: null members are left out
    zone_offset_seconds: float = 0.0  # trap 1: the zone of the times, which carry none
    clock_offset_seconds: float = 0.0  # the engine's clock is off by this
    pending_seconds: float = 0.0  # how long a run is PENDING
    boot_seconds: float = 0.0  # from the start to the first sample
    traffic: bool = True  # False: the process runs and sends nothing
    throughput: float = 50.0  # requests/s
    error_rate: float = 0.0  # 0..1
    errors_until_seconds: float | None = None  # so long after the start requests fail at ``error_rate``, then none
    dies_after_seconds: float | None = None  # the run fails by itself
    completes_after_seconds: float | None = None  # a plan with its own end
    duration_ends_as_stopped: bool = False  # trap 3
    failed_before_final_seconds: float = 0.0  # trap 14: FAILED for so long after any STOPPED end
    stop_takes_seconds: float = 0.0  # trap 2
    stop_ends_as_failed: bool = False  # trap 4
    stop_is_ignored: bool = False  # it answers true and the run goes on
    stop_of_ended_is_ok: bool = False  # trap 13
    refused_start_leaves_record: bool = False  # trap 12: unknown plan is 500 and a FAILED record
    empty_upload_is_500: bool = False  # trap 12
    running_tests_counts_ended: bool = False  # trap 15
    events_of_unknown_is_empty_list: bool = False  # trap 15
    empty_404: bool = False  # trap 8
    shown_status: str | None = None  # tell this word, whatever is true
    any_plan: bool = True  # accept plan paths that were never uploaded
    jtl_cut_off: bool = False  # trap 7
    duration_slack_seconds: float = 0.0  # the engine stops a run so much after its duration
    timeout_is_ignored: bool = False  # a run outlives the timeout it was started with


DEPLOYED = Traps(
    lean_envelope=True,
    duration_ends_as_stopped=True,
    stop_of_ended_is_ok=True,
    refused_start_leaves_record=True,
    empty_upload_is_500=True,
    running_tests_counts_ended=True,
    events_of_unknown_is_empty_list=True,
    empty_404=True,
)
"""The faults that a deployed engine always has; the timing ones are to be switched on beside them."""
