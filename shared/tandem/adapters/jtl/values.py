"""What a field of a JTL row may hold, and what it means: the rules that every way of reading shares."""

from tandem.domain.samples import MAX_ERROR_TEXT, MAX_LABEL_TEXT, ErrorKind

MAX_STAMP_DIGITS = 15
MAX_ELAPSED_DIGITS = 9
MAX_BYTES_DIGITS = 10
MAX_THREADS_DIGITS = 9
"""Longer numbers are damage, not measurements: 9 digits of ms are eleven days, 10 digits of bytes are 10 GB."""


def whole_number(field: str, max_digits: int) -> int | None:
    """The number that a field of ASCII digits holds; None for anything else."""
    return int(field) if field.isascii() and field.isdigit() and len(field) <= max_digits else None


def decoded(field: str) -> str:
    """A field that was split as Latin-1, as the UTF-8 that JMeter writes; bytes that are none become U+FFFD."""
    return field if field.isascii() else field.encode("latin-1").decode("utf-8", "replace")


def label_text(field: str) -> str:
    """A label, from a field as split."""
    return decoded(field)[:MAX_LABEL_TEXT]


def error_kind(code: str, message: str, failure_message: str) -> ErrorKind:
    """The kind of a failed sample, from fields as split.

    A failed assertion leaves a good code (2xx) and message, so there the reason is the failure message, as in JMeter's
    dashboard (org.apache.jmeter.report.processor.ErrorsSummaryConsumer).
    """
    said = failure_message if failure_message and (code.startswith("2") or not message) else message
    return ErrorKind(decoded(code)[:MAX_ERROR_TEXT], decoded(said)[:MAX_ERROR_TEXT])
