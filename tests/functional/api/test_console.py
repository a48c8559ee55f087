"""The console's files, as the API serves them."""

import pytest

from tests.factories.api_events import Caller
from tests.functional.conftest import Api

NOBODY = Caller(None)


@pytest.mark.parametrize(
    ("part", "content_type"),
    [(None, "text/html"), ("style", "text/css"), ("charts", "text/javascript"), ("script", "text/javascript")],
)
def test_each_file_is_served_without_identity_under_a_strict_policy(
    api: Api, part: str | None, content_type: str
) -> None:
    answer = api.get("get_console", NOBODY, **({} if part is None else {"part": part}))

    assert answer.status == 200
    assert answer.headers["content-type"].startswith(content_type)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "connect-src 'self' https://s3.us-east-1.amazonaws.com https://s3.amazonaws.com;" in policy


def test_a_file_that_the_console_has_not_is_refused(api: Api) -> None:
    answer = api.get("get_console", NOBODY, part="../settings")

    assert (answer.status, list(answer.fields)) == (422, ["part"])
