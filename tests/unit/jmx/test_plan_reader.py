from collections.abc import Iterator
from pathlib import Path

import pytest
from tandem.adapters.jmx.reader import read_plan
from tandem.domain.errors import InvalidTestPlan, TooLarge
from tandem.domain.plan_facts import FileUse, PlanFacts, ReadLimits

PLANS = Path(__file__).parents[2] / "fixtures" / "plans"
PLAIN = (PLANS / "plain.jmx").read_text(encoding="utf-8")


def facts_of(name: str) -> PlanFacts:
    return read_plan([(PLANS / name).read_bytes()])


def with_prolog(prolog: str, plan: str = PLAIN) -> bytes:
    return plan.replace('<?xml version="1.0" encoding="UTF-8"?>', f'<?xml version="1.0"?>{prolog}').encode()


def in_thread_group(elements: str, plan: str = PLAIN) -> bytes:
    before, after = plan.split("      <hashTree>\n        <HTTPSamplerProxy", 1)
    return f"{before}      <hashTree>\n{elements}        <HTTPSamplerProxy{after}".encode()


def element(kind: str, values: str = "", attributes: str = "") -> str:
    return f'<{kind} testname="added" {attributes}>{values}</{kind}><hashTree/>'


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"hello", "no XML"),
        (b'{"a": 1}', "no XML"),
        (b"<html><body/></html>", "begins with <html>"),
        (b"<jmeterTestPlan/>", "no TestPlan element"),
        (b"<jmeterTestPlan><hashTree><TestPlan/><hashTree/></hashTree></jmeterTestPlan>", "no thread group"),
        (PLAIN.encode()[:1200], "cut off"),
        (PLAIN.encode() + b"<more/>", "junk after document element"),
        (PLAIN.encode("utf-16"), "UTF-16"),
        (PLAIN.encode("utf-16-be"), "UTF-16"),
        (PLAIN.replace("UTF-8", "ISO-8859-1", 1).replace("Home", "Café").encode("latin-1"), "iso-8859-1"),
        (PLAIN.encode().replace(b"Home", b"\x00"), "well-formed"),
        (PLAIN.encode().replace(b"</hashTree>", b"</TestPlan>", 1), "mismatched tag"),
    ],
)
def test_what_is_no_test_plan_is_refused_with_the_reason(content: bytes, says: str) -> None:
    with pytest.raises(InvalidTestPlan, match=says):
        read_plan([content])


BILLION_LAUGHS = (
    '<!DOCTYPE p [<!ENTITY a "lol">'
    + "".join(f'<!ENTITY a{i} "{f"&a{i - 1 if i > 1 else str()};" * 10}">' for i in range(1, 10))
    + "]>"
)


@pytest.mark.parametrize(
    "prolog",
    [
        BILLION_LAUGHS,
        f'<!DOCTYPE p [<!ENTITY a "{"x" * 50_000}">]>',
        '<!DOCTYPE p [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE p [<!ENTITY % a SYSTEM "http://127.0.0.1/a"> %a;]>',
        '<!DOCTYPE p SYSTEM "http://127.0.0.1/a.dtd">',
        '<!DOCTYPE p PUBLIC "a" "http://127.0.0.1/a.dtd">',
        '<!DOCTYPE p [<!ATTLIST ThreadGroup enabled CDATA "false">]>',
        "<!DOCTYPE p [<!-- ]><jmeterTestPlan/> -->]>",
    ],
)
def test_document_types_with_entities_or_from_outside_are_refused(prolog: str) -> None:
    with pytest.raises(InvalidTestPlan, match=r"refused: .*line 1"):
        read_plan([with_prolog(prolog, PLAIN.replace("Home", "Home &a;"))])


def test_a_bare_document_type_is_accepted_as_jmeter_accepts_it() -> None:
    assert read_plan([with_prolog("<!DOCTYPE jmeterTestPlan>")]).name == "Plain"


def test_a_byte_order_mark_of_utf_8_is_accepted_as_jmeter_accepts_it() -> None:
    assert read_plan([b"\xef\xbb\xbf" + PLAIN.encode()]).name == "Plain"


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        (ReadLimits(max_bytes=500), TooLarge),
        (ReadLimits(max_elements=10), InvalidTestPlan),
        (ReadLimits(max_depth=5), InvalidTestPlan),
        (ReadLimits(max_value_length=5), InvalidTestPlan),
    ],
)
def test_each_limit_is_kept(limits: ReadLimits, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_plan([PLAIN.encode()], limits)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(InvalidTestPlan, match="nested deeper than 256"):
        read_plan([b"<jmeterTestPlan>" + b"<hashTree>" * 10_000])


def test_a_tag_without_end_is_refused_before_it_fills_the_memory() -> None:
    def endless() -> Iterator[bytes]:
        yield b'<jmeterTestPlan><hashTree><TestPlan testname="'
        for _ in range(100):
            yield b"x" * 65_536
        raise AssertionError("it was read on and on")

    with pytest.raises(InvalidTestPlan, match="longer than"):
        read_plan(endless())


def test_elements_and_hash_trees_must_take_turns() -> None:
    with pytest.raises(InvalidTestPlan, match="stands where the hashTree of HTTPSamplerProxy 'added' must be"):
        read_plan([in_thread_group('<HTTPSamplerProxy testname="added"></HTTPSamplerProxy>')])


def test_the_size_of_chunks_makes_no_difference() -> None:
    content = (PLANS / "chinese_names.jmx").read_bytes()
    assert read_plan(content[i : i + 1] for i in range(len(content))) == read_plan([content])


def test_thread_groups_are_read_with_their_shape() -> None:
    (group,) = facts_of("chinese_names.jmx").thread_groups
    assert (group.element.name, group.element.path) == ("用户组", "下单压测/用户组")
    assert (group.threads, group.ramp_up) == ("${__P(threads,5)}", "${__P(rampUp,1)}")
    assert (group.loops, group.scheduler, group.duration) == ("${__P(loops,-1)}", "true", "${__P(duration,60)}")


def test_request_defaults_apply_to_the_samplers_below_that_say_nothing_themselves() -> None:
    facts = facts_of("with_defaults.jmx")
    assert {(target.element.name, target.host) for target in facts.targets} == {
        ("Front page", "${shop}"),
        ("Pay", "pay.example.com"),
    }
    assert facts.variables == {"shop": ("${__P(host,127.0.0.1)}",), "title": ("Bücher & more",)}


def test_the_nearest_defaults_win_even_after_the_sampler() -> None:
    near = element("ConfigTestElement", '<stringProp name="HTTPSampler.domain">near</stringProp>')
    far = element("ConfigTestElement", '<stringProp name="HTTPSampler.domain">far</stringProp>')
    sampler = f'<HTTPSamplerProxy testname="added"></HTTPSamplerProxy><hashTree>{near}</hashTree>'
    facts = read_plan([in_thread_group(far + sampler)])
    assert [target.host for target in facts.targets if target.element.name == "added"] == ["near"]


def test_many_samplers_that_call_the_same_host_are_one_fact() -> None:
    sampler = element("HTTPSamplerProxy", '<stringProp name="HTTPSampler.domain">a</stringProp>')
    facts = read_plan([in_thread_group(sampler * 50)])
    assert [(target.host, target.count) for target in facts.targets if target.host == "a"] == [("a", 50)]


@pytest.mark.parametrize(
    "added",
    [
        element("JSR223Sampler"),
        element("org.apache.jmeter.protocol.java.sampler.JSR223Sampler"),
        element("DebugSampler", attributes='class="JSR223Sampler"'),
        element("BeanShellPostProcessor"),
        element("BSFSampler"),
        element("SystemSampler"),
        element("JUnitSampler"),
        element("JavaSampler", '<stringProp name="classname">com.example.Mine</stringProp>'),
        element("IfController", '<boolProp name="IfController.useExpression">false</boolProp>'),
        element("HTTPSamplerProxy", "<java.util.PriorityQueue/>"),
        element("HTTPSamplerProxy", '<objProp><value class="java.lang.ProcessBuilder"/></objProp>'),
        element("DebugSampler", '<stringProp name="a">${__eval(x)}</stringProp>'),
        element("DebugSampler", '<stringProp name="a">${__V(${__gro<!-- -->ovy(1)})}</stringProp>'),
        element("DebugSampler", '<stringProp name="a"><![CDATA[${__javaScript(1)}]]></stringProp>'),
        element("DebugSampler", attributes='enabled="true" comments="x"').replace('"added"', '"${__BeanShell(1)}"'),
    ],
)
def test_everything_that_runs_code_is_found(added: str) -> None:
    facts = read_plan([in_thread_group(added)])
    assert [fact.element.line for fact in facts.code] == [27]
    assert all(fact.element.enabled for fact in facts.code)


def test_functions_are_found_in_the_url_encoding_of_old_plans() -> None:
    old = PLAIN.replace('jmeterTestPlan version="1.2"', 'jmeterTestPlan version="1.0"')
    added = element("DebugSampler", '<stringProp name="a">%24%7B__groovy(1)%7D</stringProp>')
    assert [fact.function for fact in read_plan([in_thread_group(added, old)]).code] == ["__groovy"]
    assert read_plan([in_thread_group(added)]).code == ()


def test_disabled_parts_are_told_apart() -> None:
    facts = facts_of("with_disabled_parts.jmx")
    assert [element.name for element in facts.disabled] == ["Off", "Old", "Switched off"]
    assert {fact.element.enabled for fact in facts.code} == {False}
    assert [target.host for target in facts.targets if target.element.enabled] == ["${__P(host,127.0.0.1)}"]


def test_a_value_that_enables_goes_before_the_attribute_as_in_jmeter() -> None:
    enabled = '<boolProp name="TestElement.enabled">true</boolProp>'
    facts = read_plan([in_thread_group(element("JSR223Sampler", enabled, 'enabled="false"'))])
    assert [fact.element.enabled for fact in facts.code] == [True]


def test_files_are_found_with_what_they_are_for() -> None:
    found = {
        (fact.use, fact.file_name)
        for name in ("with_data_file.jmx", "with_include.jmx", "chinese_names.jmx")
        for fact in facts_of(name).files
    }
    assert found == {
        (FileUse.CSV_DATA, "data/users.csv"),
        (FileUse.PLAN, "/data/common/login.jmx"),
        (FileUse.WRITE, "/tmp/结果.jtl"),
    }


def test_plug_ins_are_found() -> None:
    added = element("kg.apc.jmeter.threads.UltimateThreadGroup") + element(
        "DebugSampler", '<stringProp name="a">${__strLen(x)}</stringProp>'
    )
    facts = read_plan([in_thread_group(added)])
    assert {fact.what for fact in facts.plugins} == {"kg.apc.jmeter.threads.UltimateThreadGroup", "__strLen"}
    assert len(facts.thread_groups) == 2


def test_variables_that_the_run_fills_are_known_by_name() -> None:
    added = element("RegexExtractor", '<stringProp name="RegexExtractor.refname">token</stringProp>') + element(
        "DebugSampler", '<stringProp name="a">${__Random(1,9,dice)}${__setProperty(stage,two)}</stringProp>'
    )
    facts = read_plan([in_thread_group(added)])
    assert {"token", "dice"} <= facts.changing
    assert facts.changing_properties == {"stage"}
