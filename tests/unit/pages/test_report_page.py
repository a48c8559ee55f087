"""The report's file: what stands in it, and that nothing in its data can do anything."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from tandem.adapters.pages.report import inline_json, write_report

from tests.factories.jtl import Sample
from tests.factories.reports import START, report, unanalysed_report

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]><img src=x onerror=alert(1)>",
    "\u2028\u2029\x00\"'`${1}",
    "压测 \U0001f600 \ud800",
]


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] in {"script", "style"} and data.strip():
            self.texts.append((self.found[-1][0], data))


def data_of(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="report-data">(.*?)</script>', page)
    assert found is not None
    return json.loads(found.group(1))


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_leaves_the_data(text: str) -> None:
    plain = Elements(write_report(unanalysed_report("RUNNING"), "en"))
    document = unanalysed_report("FAILED")
    document["task"]["errorMessage"] = document["experimentId"] = text
    document["events"]["events"] = [text]

    page = write_report(document, "en")

    assert [tag for tag, _ in Elements(page).found] == [tag for tag, _ in plain.found]
    assert data_of(page) == document


def test_labels_and_messages_of_the_samples_stay_text() -> None:
    start = int(START.timestamp() * 1000)
    samples = [Sample(start + n * 100, 5, label=HOSTILE[0], code=HOSTILE[2], success=False) for n in range(50)]

    page = write_report(report(iter(samples)), "en")

    assert HOSTILE[0] not in page
    assert data_of(page)["results"]["labels"][0]["label"] == HOSTILE[0]


def test_inline_json_is_ascii_and_holds_no_markup() -> None:
    written = inline_json({"texts": HOSTILE})

    assert written.isascii()
    assert not set("<>&\x00") & set(written)
    assert json.loads(written) == {"texts": HOSTILE}


def test_a_number_that_json_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        inline_json({"p95": float("nan")})


def test_the_policy_names_the_digest_of_each_script_and_style() -> None:
    elements = Elements(write_report(report(), "en"))
    policy = next(
        attributes["content"] or ""
        for tag, attributes in elements.found
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    executed = [text for tag, text in elements.texts if tag == "script"][1:]  # the first one is the data
    styles = [text for tag, text in elements.texts if tag == "style"]

    assert rules["default-src"] == "'none'"
    assert rules["script-src"].split() == [digest(text) for text in executed]
    assert rules["style-src"].split() == [digest(text) for text in styles]
    assert "connect-src" not in rules


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_file_needs_nothing_from_elsewhere() -> None:
    elements = Elements(write_report(report(), "en"))

    named = [attributes.get(name) for _, attributes in elements.found for name in ("src", "href", "action")]

    assert set(named) == {None, "data:,"}
    assert not any("@import" in text or "url(" in text for tag, text in elements.texts if tag == "style")


@pytest.mark.parametrize(("language", "lang"), [("en", "en"), ("zh", "zh"), ("fr", "zh")])
def test_the_first_words_are_in_the_readers_language(language: str, lang: str) -> None:
    page = write_report(unanalysed_report("RUNNING"), language)

    assert f'<html lang="{lang}">' in page
    assert ("压测报告</title>" in page) == (lang == "zh")
