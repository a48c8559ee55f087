"""The live figures come from a JTL that arrives in pieces."""

import httpx
import pytest

from local.demo.live_samples import JtlFollower, JtlLines, LiveFigures, LiveWindow, Sample

JTL = (
    b"timeStamp,elapsed,label,responseMessage,success\n"
    b'1000,20,GET /catalogue,"OK, quite",true\n'
    b'1100,300,POST /checkout,"not\nfound, ""really""",false\n'
    b"1200,5,GET /catalogue,OK,true\n"
)
SAMPLES = [Sample(1.02, 20, False), Sample(1.4, 300, True, 'not found, "really"'), Sample(1.205, 5, False)]


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_pieces_cut_anywhere_give_the_same_samples(size: int) -> None:
    lines = JtlLines()
    found = [sample for at in range(0, len(JTL), size) for sample in lines.take(JTL[at : at + size])]
    assert found == SAMPLES


def test_a_record_that_is_not_whole_is_waited_for() -> None:
    lines = JtlLines()
    assert lines.take(JTL[:-4]) == SAMPLES[:2]
    assert lines.take(JTL[-4:]) == SAMPLES[2:]


def test_what_is_no_sample_is_passed_over() -> None:
    lines = JtlLines()
    assert lines.take(b"timeStamp,elapsed,success\nnonsense,1,true\n5\n1000,20,true\n") == [Sample(1.02, 20, False)]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        (
            b"Non HTTP response code: java.net.ConnectException,Non HTTP response message: Connection refused,",
            "Connection refused",
        ),
        (b"503,Service Unavailable,", "503 Service Unavailable"),
        (b'200,OK,The body lacks "order"', '200 The body lacks "order"'),
        (b"404,,", "404"),
    ],
)
def test_a_failed_sample_says_why(fields: bytes, error: str) -> None:
    head = b"timeStamp,elapsed,success,responseCode,responseMessage,failureMessage\n"
    code, message, failure = fields.split(b",")
    row = b",".join([b"1000,20,false", code, message, b'"' + failure.replace(b'"', b'""') + b'"']) + b"\n"
    assert JtlLines().take(head + row) == [Sample(1.02, 20, True, error)]


def test_the_window_forgets_what_ended_before_it() -> None:
    window = LiveWindow()
    window.add([Sample(10.0, 900, True), *(Sample(12.0 + n / 100, n, n > 90) for n in range(1, 101))])
    assert window.figures(13.5) == LiveFigures(requests_per_sec=100 / 3, p95_ms=95, error_rate=0.1)


def test_a_window_without_samples_has_no_figures() -> None:
    window = LiveWindow()
    window.add([Sample(10.0, 1, False)])
    assert window.figures(20.0) is None


def test_a_growing_file_is_followed_by_ranges() -> None:
    """An answer other than 206 (not there yet, nothing new) is no news, and nothing is read twice."""
    available = 0

    def serve(request: httpx.Request) -> httpx.Response:
        start = int(request.headers["range"].removeprefix("bytes=").removesuffix("-"))
        if available == 0:
            return httpx.Response(404)
        return httpx.Response(416) if start >= available else httpx.Response(206, content=JTL[start:available])

    follower = JtlFollower(httpx.Client(transport=httpx.MockTransport(serve)), "http://127.0.0.1/results.jtl")
    assert follower.poll() == []
    available = 100
    found = follower.poll()
    assert follower.poll() == []
    available = len(JTL)
    assert found + follower.poll() == SAMPLES
