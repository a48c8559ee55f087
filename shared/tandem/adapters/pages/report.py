"""The report as one HTML file: style, chart library, script and data stand in it, and nothing is fetched."""

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache

from tandem.adapters.pages.bundle import chart_script, script, style

_TITLES = {"en": "Load test under fault", "zh": "故障演练压测报告"}
_WITHOUT_SCRIPT = {
    "en": "This report draws itself with JavaScript, which is switched off here.",
    "zh": "本报告需要 JavaScript 才能显示，而此处已将其关闭。",
}


def write_report(report: Mapping[str, object], language: str) -> str:
    """The page. Everything in the data is text to it: the page's policy lets no other script run, and calls nobody."""
    spoken = language if language in _TITLES else "zh"
    return (
        f'<!DOCTYPE html>\n<html lang="{spoken}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f'<link rel="icon" href="data:,">\n<title>{_TITLES[spoken]}</title>\n<style>{_style()}</style>\n</head>\n'
        f"<body>\n<noscript><p>{_WITHOUT_SCRIPT[spoken]}</p></noscript>\n"
        f'<script type="application/json" id="report-data">{inline_json(report)}</script>\n'
        f'<script>{chart_script()}</script>\n<script type="module">{_script()}</script>\n</body>\n</html>\n'
    )


def inline_json(document: Mapping[str, object]) -> str:
    """JSON that may stand in a script element: pure ASCII, and no character that ends or opens markup."""
    text = json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _script() -> str:
    return script("report_main")


def _style() -> str:
    return style("style")


@cache
def _policy() -> str:
    scripts = " ".join(_digest(each) for each in (chart_script(), _script()))
    return (
        f"default-src 'none'; script-src {scripts}; style-src {_digest(_style())}; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
