"""Where code is denied, only what is known to be harmless passes. Most of these ran code on a real JMeter once."""

import pytest
from tandem.adapters.jmx.reader import read_plan
from tandem.domain.preflight import judge
from tandem.domain.preflight_policy import CodePolicy, PreflightPolicy
from tandem.domain.preflight_report import FindingCode, PreflightReport, Severity

DENY = PreflightPolicy(code=CodePolicy.DENY)
PROPERTIES = {"protocol": "http", "host": "127.0.0.1", "port": "80", "path": ""}
SCRIPT = '<BeanShellSampler guiclass="g" testname="script"><stringProp name="BeanShellSampler.query">1</stringProp>'
SCRIPT += "</BeanShellSampler><hashTree/>"


def plan(below: str = "", group: str = "", root: str = "", tree: str = "", prolog: str = "") -> bytes:
    return (
        f'{prolog}<jmeterTestPlan version="1.2"{root}><hashTree{tree}><TestPlan guiclass="TestPlanGui" '
        f'testclass="TestPlan" testname="P"/><hashTree><ThreadGroup guiclass="ThreadGroupGui" testname="G">{group}'
        f'<stringProp name="ThreadGroup.num_threads">1</stringProp></ThreadGroup><hashTree>{below}</hashTree>'
        "</hashTree></hashTree></jmeterTestPlan>"
    ).encode()


def element(kind: str, values: str = "", attributes: str = "") -> str:
    return f'<{kind} guiclass="g" testname="e" {attributes}>{values}</{kind}><hashTree/>'


def value(name: str, text: str) -> str:
    return f'<stringProp name="{name}">{text}</stringProp>'


def row(kind: str, values: str = "") -> str:
    return f'<elementProp name="row" elementType="{kind}">{values}</elementProp>'


def report_on(
    content: bytes, policy: PreflightPolicy = DENY, properties: dict[str, str] | None = None, *files: str
) -> PreflightReport:
    return judge(read_plan([content]), policy, {**PROPERTIES, **(properties or {})}, "http://127.0.0.1", files)


IF = value("IfController.condition", "java.lang.Runtime.getRuntime()")


@pytest.mark.parametrize(
    "content",
    [
        # a: a backslash in the name of a function.
        plan(element("DebugSampler", value("a", "${\\__BeanShell(1)}"))),
        plan(element("DebugSampler", value("a", "${__Bean\\Shell(1)}"))),
        plan(element("DebugSampler", value("a", "${__V(${__gro\\ovy(1)})}"))),
        plan(element("DebugSampler", value("a", "${na\\me}"))),
        # b: a reference from an enabled element to a disabled one.
        plan(
            '<GenericController guiclass="g" testname="off" enabled="false"/><hashTree>'
            f'{SCRIPT}</hashTree><BeanShellSampler reference="../hashTree/BeanShellSampler"/><hashTree/>'
        ),
        plan(element("DebugSampler", attributes='reference="../BeanShellSampler"')),
        plan(element("DebugSampler", '<stringProp name="a" reference="../../x"/>')),
        plan(element("DebugSampler", attributes='resolves-to="BeanShellSampler"')),
        plan(element("DebugSampler", attributes='defined-in="a"')),
        plan(tree=' reference="../x"'),
        plan(root=' class="BeanShellSampler"'),
        plan().replace(b'version="1.2"', b'version="1.0"'),
        # c: an element with code inside another one.
        plan(group=f'<elementProp name="ThreadGroup.main_controller" elementType="IfController">{IF}</elementProp>'),
        plan(group=row("org.apache.jmeter.control.IfController", IF)),
        plan(group=row("BeanShellSampler")),
        plan(group=row("com.example.Unknown")),
        plan(group='<elementProp name="none"/>'),
        # d: a value twice, or as another kind than it has.
        plan(
            element(
                "IfController",
                '<boolProp name="IfController.useExpression">true</boolProp>'
                '<collectionProp name="IfController.useExpression"/>' + IF,
            )
        ),
        plan(element("IfController", '<collectionProp name="IfController.useExpression"/>' + IF)),
        plan(
            element(
                "IfController",
                '<boolProp name="IfController.useExpression">true</boolProp><FloatProperty>'
                "<name>IfController.useExpression</name><value>0</value></FloatProperty>" + IF,
            )
        ),
        plan(
            element(
                "IfController",
                '<boolProp name="IfController.useExpression">true</boolProp><objProp><name>IfController.useExpression'
                '</name><value class="SampleSaveConfiguration"/></objProp>' + IF,
            )
        ),
        plan(element("DebugSampler", '<stringProp name="a">b<stringProp name="c">d</stringProp></stringProp>')),
        plan(element("IfController", value("IfController.useExpression", " true") + IF)),
        # Elements and functions that nobody has looked at.
        plan(element("com.example.Sampler")),
        plan(element("com.example.Sampler", attributes='enabled="false"')),
        plan(element("org.example.DebugSampler")),
        plan(element("JDBCSampler")),
        plan(element("JMSSampler")),
        plan(element("LDAPSampler")),
        plan(element("FTPSampler")),
        plan(element("BackendListener")),
        plan(element("JUnitSampler")),
        plan(element("SystemSampler")),
        plan(element("AccessLogSampler")),
        plan(element("MongoScriptSampler")),
        plan(element("ProxyControl")),
        plan(element("ConfigTestElement", attributes="").replace('"g"', '"org.apache.jmeter.x.gui.DbConfigGui"')),
        plan(element("DebugSampler", value("a", "${__unknown(1)}"))),
        plan(element("DebugSampler", value("a", "${__eval(${__P(x)})}"))),
        plan(element("DebugSampler", value("a", "${__setProperty(beanshell.sampler.init,/tmp/x)}"))),
        plan(element("DebugSampler", value("a", "${__setProperty(${name},x)}"))),
        # Values that name classes, or reach files of the engine.
        plan(element("TCPSampler", value("TCPSampler.classname", "com.example.Client"))),
        plan(element("CookieManager", value("CookieManager.implementation", "com.example.Handler"))),
        plan(element("JavaSampler", value("classname", "org.apache.jmeter.protocol.java.sampler.BeanShellSampler"))),
        plan(element("ConfigTestElement", value("classname", "com.example.Mine"))),
        plan(element("XPath2Extractor", value("XPathExtractor2.xpathQuery", "unparsed-text('/etc/passwd')"))),
        plan(element("XPath2Extractor", value("XPathExtractor2.xpathQuery", "unparsed-text(: :)('/etc/passwd')"))),
        plan(element("XPath2Assertion", value("XPath.xpath", "environment-variable('TOKEN') = 'x'"))),
        plan(element("XPathExtractor", '<boolProp name="XPathExtractor.download_dtds">true</boolProp>')),
        plan(element("HTTPSamplerProxy", value("HTTPSampler.protocol", "file") + value("HTTPSampler.path", "/etc/x"))),
        plan(element("HTTPSamplerProxy", value("HTTPSampler.protocol", "${p}"))),
        plan(element("HTTPSamplerProxy", value("HTTPSampler.path", "${__FileToString(/proc/1/environ)}"))),
        plan(element("HTTPSamplerProxy", value("HTTPSampler.path", "${__FileToString(users.csv)}"))),
        plan(element("HTTPSamplerProxy", row("HTTPFileArg", value("File.path", "/proc/1/environ")))),
        plan(element("HTTPSamplerProxy", value("HTTPSampler.path", "${__StringToFile(a,b)}"))),
        plan(element("CSVDataSet", value("filename", "/proc/1/environ") + value("variableNames", "a"))),
        plan(element("CSVDataSet", value("filename", "${__P(file)}") + value("variableNames", "a"))),
        plan(element("ResultCollector", value("filename", "/data/uploads/testplans/a.jmx"))),
        plan(element("ResultCollector", value("filename", "../a.jmx"))),
        plan(element("ResultCollector", value("filename", "~/a.jmx"))),
        plan(element("IncludeController", value("IncludeController.includepath", "login.jmx"))),
        plan(element("ResultCollector", '<objProp><name>saveConfig</name><value class="java.util.Date"/></objProp>')),
        plan(
            element(
                "ResultCollector",
                '<objProp><name>saveConfig</name><value class="SampleSaveConfiguration"><time class="java.util.Date"/>'
                "</value></objProp>",
            )
        ),
    ],
)
def test_what_is_not_known_to_be_harmless_is_denied(content: bytes) -> None:
    assert report_on(content).status is Severity.DENY


SAVED = (
    '<objProp><name>saveConfig</name><value class="SampleSaveConfiguration"><time>true</time><url>true</url>'
    '<assertionsResultsToSave>0</assertionsResultsToSave><formatter class="java.text.SimpleDateFormat"><a/></formatter>'
    "</value></objProp>"
)


@pytest.mark.parametrize(
    "below",
    [
        element("ResultCollector", SAVED + value("filename", "results.jtl")),
        element("ThroughputController", "<FloatProperty><name>a</name><value>1.0</value><savedValue/></FloatProperty>"),
        element("PreciseThroughputTimer", "<doubleProp><name>a</name><value>1.0</value></doubleProp>"),
        element("IfController", '<boolProp name="IfController.useExpression">true</boolProp>' + IF),
        element("DebugSampler", value("a", "page ${__jm__Pages__idx} ${__Random(1,9)} ${__V(a\\,b)}")),
        element("DebugSampler", value("a", "${__setProperty(token,${t})}")),
        element("XPath2Extractor", value("XPathExtractor2.xpathQuery", "//a[contains(text(), 'b')]/@href")),
        element("TCPSampler", value("TCPSampler.classname", "TCPClientImpl") + value("TCPSampler.server", "127.0.0.1")),
        element("JavaSampler", value("classname", "org.apache.jmeter.protocol.java.test.SleepTest")),
        element("org.apache.jmeter.sampler.DebugSampler"),
        element("HTTPSamplerProxy", value("HTTPSampler.domain", "127.0.0.1") + value("HTTPSampler.path", "/a")),
        element("CSVDataSet", value("filename", "data/users.csv") + value("variableNames", "a")),
        element(
            "HTTPSamplerProxy",
            value("HTTPSampler.domain", "127.0.0.1") + row("HTTPFileArg", value("File.path", "users.csv")),
        ),
        element("DebugSampler", value("a", "${__FileToString(users.csv)}${__CSVRead(users.csv,0)}")),
    ],
)
def test_jmeters_own_data_and_everyday_plans_pass(below: str) -> None:
    report = report_on(plan(below), DENY, {}, "users.csv")
    assert report.denials == ()
    assert report_on(plan(below), PreflightPolicy(), {}, "users.csv").status is Severity.OK


@pytest.mark.parametrize(
    "name",
    [
        "saveservice_properties",
        "upgrade_properties",
        "search_paths",
        "beanshell.sampler.init",
        "jmeter.save.saveservice.output_format",
        "httpParser.className",
        "javax.net.ssl.keyStore",
        "nobody.asks.for.it",
    ],
)
def test_a_property_has_to_be_one_that_the_plan_asks_for(name: str) -> None:
    report = report_on(plan(), properties={name: "/data/uploads/testplans/x.jmx"})
    assert {finding.element for finding in report.denials} == {name}


def test_no_plan_can_ask_for_a_property_of_jmeters_own() -> None:
    asks = plan(element("DebugSampler", value("a", "${__P(saveservice_properties)}${__P(users)}")))
    report = report_on(asks, properties={"saveservice_properties": "/x", "users": "3"})
    assert [finding.element for finding in report.denials] == ["saveservice_properties"]


def test_a_plan_that_says_odd_things_is_a_warning_where_code_is_only_warned_of() -> None:
    odd = plan(element("DebugSampler", attributes='reference="../x"'))
    (finding,) = report_on(odd, PreflightPolicy()).findings
    assert (finding.code, finding.severity) == (FindingCode.ODD_STRUCTURE, Severity.WARN)
    assert "the attribute reference" in finding.message


def test_a_file_that_a_fragment_reads_by_another_name_than_a_data_files_is_denied() -> None:
    reads = element("CSVDataSet", value("filename", "/proc/1/environ") + value("variableNames", "a"))
    fragment = read_plan([plan(reads)], fragment=True)
    facts = read_plan([plan()]).including(fragment)
    report = judge(facts, DENY, PROPERTIES, "http://127.0.0.1", ("environ",))
    assert report.status is Severity.DENY
    assert judge(read_plan([plan(reads)]), DENY, PROPERTIES, "http://127.0.0.1", ("environ",)).denials == ()


def test_a_fragment_that_goes_along_is_judged_like_the_plan() -> None:
    include = plan(element("IncludeController", value("IncludeController.includepath", "login.jmx")))
    off = '<TestFragmentController guiclass="g" testname="F" enabled="false"/>'
    script = (
        '<jmeterTestPlan version="1.2"><hashTree><TestPlan guiclass="g" testname="L"/><hashTree>'
        f"{off}<hashTree>{SCRIPT}</hashTree></hashTree></hashTree></jmeterTestPlan>"
    ).encode()
    harmless = script.replace(SCRIPT.encode(), element("DebugSampler").encode())

    def judged(fragment: bytes) -> PreflightReport:
        facts = read_plan([include]).including(read_plan([fragment], fragment=True))
        return judge(facts, DENY, PROPERTIES, "http://127.0.0.1", ("login.jmx",))

    assert judged(harmless).denials == ()
    assert {finding.code for finding in judged(script).denials} == {FindingCode.CODE_ELEMENT}
