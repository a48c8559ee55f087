"""What each failure of the connection and each status of an answer means for the effect of a request."""

from collections.abc import Iterator

import httpcore
import pytest
from tandem.adapters.engine.answer import Answer, data_of, error_of, says_state_forbids, says_unknown
from tandem.adapters.engine.errors import FOREIGN, MAY_HAVE_TAKEN_EFFECT, NEVER_SENT, AnswerTooLarge, engine_error
from tandem.domain.errors import (
    EngineAnsweredWrongly,
    EngineAnswerLost,
    EngineError,
    EngineRefused,
    EngineUnavailable,
)


def exceptions_of_httpcore() -> Iterator[type[Exception]]:
    for name in dir(httpcore):
        member = getattr(httpcore, name)
        if isinstance(member, type) and issubclass(member, Exception):
            yield member


@pytest.mark.parametrize("kind", list(exceptions_of_httpcore()))
def test_every_exception_of_httpcore_is_mapped(kind: type[Exception]) -> None:
    raised = [kind] if not kind.__subclasses__() else []  # the bases alone are never raised
    raised += [sub for sub in kind.__subclasses__() if not sub.__subclasses__()]
    for leaf in raised:
        assert issubclass(leaf, FOREIGN)
        assert issubclass(leaf, NEVER_SENT) != issubclass(leaf, MAY_HAVE_TAKEN_EFFECT)


def test_there_are_exceptions_to_map() -> None:
    assert {httpcore.ReadTimeout, httpcore.ConnectError} <= set(exceptions_of_httpcore())


@pytest.mark.parametrize("kind", NEVER_SENT)
def test_what_was_never_sent_had_no_effect(kind: type[Exception]) -> None:
    assert isinstance(engine_error(kind("why"), "starting a load"), EngineUnavailable)


@pytest.mark.parametrize("kind", MAY_HAVE_TAKEN_EFFECT)
def test_what_was_sent_may_have_had_an_effect(kind: type[Exception]) -> None:
    assert type(engine_error(kind("why"), "starting a load")) is EngineAnswerLost


def test_an_answer_over_its_limit_is_wrong() -> None:
    assert isinstance(engine_error(AnswerTooLarge(5), "listing"), EngineAnsweredWrongly)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, EngineAnsweredWrongly),
        (304, EngineAnsweredWrongly),
        (400, EngineRefused),
        (401, EngineRefused),
        (403, EngineRefused),
        (404, EngineRefused),
        (408, EngineAnswerLost),
        (409, EngineRefused),
        (413, EngineRefused),
        (429, EngineUnavailable),
        (500, EngineAnswerLost),
        (501, EngineAnswerLost),
        (502, EngineAnswerLost),
        (503, EngineUnavailable),
        (504, EngineAnswerLost),
    ],
)
def test_the_status_decides_what_an_answer_means(status: int, kind: type[EngineError]) -> None:
    assert type(error_of(Answer(status, {}, b""), "starting a load")) is kind


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_2xx_is_no_error(status: int) -> None:
    assert error_of(Answer(status, {}, b""), "x") is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 0.0), ("999999", 3600.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-3", None), ("", None)],
)
def test_retry_after_is_read_in_seconds_only(header: str, seconds: float | None) -> None:
    error = error_of(Answer(503, {"retry-after": header}, b""), "starting a load")
    assert isinstance(error, EngineUnavailable)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"success":false,"error":"no such plan"}', "no such plan"),
        (b'{"timestamp":"2025","status":400,"error":"Bad Request","message":"threads"}', "Bad Request / threads"),
        (b'{"detail":"too many"}', "too many"),
    ],
)
def test_the_engines_own_words_are_told(body: bytes, words: str) -> None:
    error = error_of(Answer(400, {}, body), "starting a load")
    assert error is not None
    assert error.message == f"the engine answered 400 to starting a load: {words}"


def test_html_is_never_quoted_and_long_words_are_cut() -> None:
    html = error_of(Answer(502, {}, b"<script>alert(1)</script>"), "starting a load")
    assert html is not None
    assert "<" not in html.message
    long = error_of(Answer(400, {}, b'{"error":"' + b"x" * 5000 + b'"}'), "starting a load")
    assert long is not None
    assert len(long.message) < 400


@pytest.mark.parametrize(
    ("body", "is_the_engines"),
    [
        (b"", True),
        (b"  \r\n", True),
        (b'{"success":false}', True),
        (b"<html></html>", False),
        (b"404 page not found", False),
        (b"[]", False),
    ],
)
def test_a_404_or_400_counts_only_when_it_is_the_engines_own(body: bytes, is_the_engines: bool) -> None:
    assert says_unknown(Answer(404, {}, body)) is is_the_engines
    assert says_state_forbids(Answer(400, {}, body)) is is_the_engines
    assert not says_unknown(Answer(400, {}, body))
    assert not says_state_forbids(Answer(404, {}, body))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'{"data": 1}',
        b'{"success": "true"}',
        b'{"success": false, "error": "no"}',
        b'{"success": true, "data": NaN}',
        b"[" * 100_000,
        b'{"success": true, "data": "\xff"}',
        b'{"success": true, "data": ',
    ],
)
def test_what_is_no_successful_envelope_is_wrong(body: bytes) -> None:
    with pytest.raises(EngineAnsweredWrongly):
        data_of(Answer(200, {}, body), "reading")


def test_an_absent_member_is_null() -> None:
    assert data_of(Answer(200, {}, b'{"success": true}'), "reading") is None
