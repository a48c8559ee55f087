"""Writes the test plan of a definition with ``entry = URL``: one thread group, one HTTP request."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from tandem.adapters.jmx.literal import function_argument, literal
from tandem.adapters.jmx.xml_text import escape_attribute, escape_text
from tandem.domain.definition import endpoint_properties
from tandem.domain.url_plan import UrlPlan

# https://www.rfc-editor.org/rfc/rfc3986#section-3.3 and 3.4: what may stand in a path and a query as it is.
# Braces are not among them, so no "${" is left in a path.
_PATH_SAFE: Final = "/:@!$&'()*+,;=-._~?%"
_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
# A sample passes with any status of 2xx or 3xx; redirects are not followed, so a 302 is the answer that is measured.
_PASSING_STATUS: Final = "[23][0-9][0-9]"


def write_url_plan(plan: UrlPlan) -> bytes:
    """Return the plan as UTF-8 XML.

    Load shape and target are read from properties (``threads``, ``rampUp``, ``loops``, ``duration``, ``protocol``,
    ``host``, ``port``, ``path``), with the values of ``plan`` as defaults.
    """
    label = f"{plan.case.method} {plan.case.path or '/'}"
    sampler_children = _headers(plan.case.headers) + _assertion()
    group = _element("hashTree", {}, _sampler(plan, label) + _element("hashTree", {}, sampler_children))
    body = _element("hashTree", {}, _thread_group(plan) + group)
    document = _element(
        "jmeterTestPlan",
        {"version": "1.2", "properties": "5.0", "jmeter": "5.5"},
        _element("hashTree", {}, _test_plan(plan) + body),
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{document}'.encode()


def _test_plan(plan: UrlPlan) -> str:
    return _component(
        "TestPlan",
        "TestPlanGui",
        literal(plan.name),
        _bool("TestPlan.functional_mode", False)
        + _bool("TestPlan.serialize_threadgroups", False)
        + _arguments("TestPlan.user_defined_variables", ""),
    )


def _thread_group(plan: UrlPlan) -> str:
    loop = _element(
        "elementProp",
        {
            "name": "ThreadGroup.main_controller",
            "elementType": "LoopController",
            "guiclass": "LoopControlPanel",
            "testclass": "LoopController",
            "testname": "Loop Controller",
            "enabled": "true",
        },
        _bool("LoopController.continue_forever", False)
        + _string("LoopController.loops", _property("loops", "-1" if plan.loops is None else str(plan.loops))),
    )
    return _component(
        "ThreadGroup",
        "ThreadGroupGui",
        literal(plan.name),
        _string("ThreadGroup.on_sample_error", "continue")
        + loop
        + _string("ThreadGroup.num_threads", _property("threads", str(plan.threads)))
        + _string("ThreadGroup.ramp_time", _property("rampUp", str(plan.ramp_up_sec)))
        + _bool("ThreadGroup.scheduler", True)
        + _string("ThreadGroup.duration", _property("duration", str(plan.duration_sec)))
        + _string("ThreadGroup.delay", "0")
        + _bool("ThreadGroup.same_user_on_next_iteration", True),
    )


def _sampler(plan: UrlPlan, label: str) -> str:
    target = endpoint_properties(plan.endpoint)
    body = ""
    if plan.case.body:
        body = _element(
            "elementProp",
            {"name": "", "elementType": "HTTPArgument"},
            _bool("HTTPArgument.always_encode", False)
            + _string("Argument.value", literal(plan.case.body))
            + _string("Argument.metadata", "="),
        )
    return _component(
        "HTTPSamplerProxy",
        "HttpTestSampleGui",
        literal(label),
        _bool("HTTPSampler.postBodyRaw", bool(plan.case.body))
        + _arguments("HTTPsampler.Arguments", body)
        + _string("HTTPSampler.domain", _property("host", target["host"]))
        + _string("HTTPSampler.port", _property("port", target["port"]))
        + _string("HTTPSampler.protocol", _property("protocol", target["protocol"]))
        + _string("HTTPSampler.contentEncoding", "UTF-8")
        + _string("HTTPSampler.path", _path(target["path"], plan.case.path))
        + _string("HTTPSampler.method", plan.case.method)
        + _bool("HTTPSampler.follow_redirects", False)
        + _bool("HTTPSampler.auto_redirects", False)
        + _bool("HTTPSampler.use_keepalive", plan.keep_alive)
        + _bool("HTTPSampler.DO_MULTIPART_POST", False)
        + _string("HTTPSampler.embedded_url_re", "")
        + _string("HTTPSampler.connect_timeout", str(plan.connect_timeout_ms))
        + _string("HTTPSampler.response_timeout", str(plan.response_timeout_ms)),
    )


def _headers(headers: Mapping[str, str]) -> str:
    if not headers:
        return ""
    rows = "".join(
        _element(
            "elementProp",
            {"name": "", "elementType": "Header"},
            _string("Header.name", literal(name)) + _string("Header.value", literal(value)),
        )
        for name, value in headers.items()
    )
    collection = _element("collectionProp", {"name": "HeaderManager.headers"}, rows)
    return _component("HeaderManager", "HeaderPanel", "HTTP Header Manager", collection) + _element("hashTree", {}, "")


def _assertion() -> str:
    strings = _element("collectionProp", {"name": "Asserion.test_strings"}, _string("status", _PASSING_STATUS))
    properties = (
        strings
        + _string("Assertion.custom_message", "")
        + _string("Assertion.test_field", "Assertion.response_code")
        # JMeter's own codes for a connection that failed are no numbers; its notion of failure would otherwise be kept.
        + _bool("Assertion.assume_success", False)
        + _element("intProp", {"name": "Assertion.test_type"}, "1")
    )
    name = "Status is 2xx or 3xx"
    return _component("ResponseAssertion", "AssertionGui", name, properties) + _element("hashTree", {}, "")


def _property(name: str, default: str) -> str:
    return f"${{__P({name},{function_argument(default)})}}"


def _path(base: str, path: str) -> str:
    # Parentheses would end the function call in which the default stands.
    default = _encoded(base).replace("(", "%28").replace(")", "%29")
    return _property("path", default) + _encoded(path)


def _encoded(path: str) -> str:
    """Percent-encode what a URL cannot hold, as UTF-8; what is encoded already stays as it is."""
    return quote(_STRAY_PERCENT.sub("%25", path), safe=_PATH_SAFE)


def _arguments(name: str, rows: str) -> str:
    return _element(
        "elementProp",
        {
            "name": name,
            "elementType": "Arguments",
            "guiclass": "ArgumentsPanel",
            "testclass": "Arguments",
            "testname": "User Defined Variables",
            "enabled": "true",
        },
        _element("collectionProp", {"name": "Arguments.arguments"}, rows),
    )


def _component(kind: str, gui: str, name: str, properties: str) -> str:
    return _element(kind, {"guiclass": gui, "testclass": kind, "testname": name, "enabled": "true"}, properties)


def _string(name: str, value: str) -> str:
    return f'<stringProp name="{escape_attribute(name)}">{escape_text(value)}</stringProp>\n'


def _bool(name: str, value: bool) -> str:
    return f'<boolProp name="{escape_attribute(name)}">{str(value).lower()}</boolProp>\n'


def _element(tag: str, attributes: dict[str, str], content: str) -> str:
    written = "".join(f' {name}="{escape_attribute(value)}"' for name, value in attributes.items())
    return (
        f"<{tag}{written}>\n{content}</{tag}>\n" if content.startswith("<") else f"<{tag}{written}>{content}</{tag}>\n"
    )
