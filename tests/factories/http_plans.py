"""JMeter plans that send HTTP requests to a port of this machine, as texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr


@dataclass(frozen=True, slots=True)
class Group:
    """A thread group: its element, name, threads, the paths that it asks in turn, ms between two requests.

    ``expects``: a text that every answer must hold. ``loops``: -1 for ever.
    """

    name: str = "Users"
    element: str = "ThreadGroup"
    threads: int = 4
    paths: Sequence[str] = ("/",)
    pause_ms: int = 50
    expects: str | None = None
    loops: int = -1
    groovy: str | None = None


def http_plan(port: int, *groups: Group) -> str:
    """A plan with these groups (one by default) against 127.0.0.1; each request is labelled with its path."""
    listed = "".join(_group(port, group) for group in groups or (Group(),))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<jmeterTestPlan version="1.2" properties="5.0" jmeter="5.6.2">'
        '<hashTree><TestPlan guiclass="TestPlanGui" testclass="TestPlan" testname="Plan"/>'
        f"<hashTree>{listed}</hashTree></hashTree></jmeterTestPlan>"
    )


def _group(port: int, group: Group) -> str:
    samplers = "".join(_sampler(port, path, group) for path in group.paths)
    timer = (
        '<ConstantTimer guiclass="ConstantTimerGui" testclass="ConstantTimer" testname="Pause">'
        f'<stringProp name="ConstantTimer.delay">{group.pause_ms}</stringProp></ConstantTimer><hashTree/>'
    )
    return (
        f'<{group.element} guiclass="{group.element}Gui" testclass="{group.element}" '
        f'testname={quoteattr(group.name)} enabled="true">'
        '<stringProp name="ThreadGroup.on_sample_error">continue</stringProp>'
        '<elementProp name="ThreadGroup.main_controller" elementType="LoopController" guiclass="LoopControlPanel" '
        'testclass="LoopController" testname="Loops">'
        '<boolProp name="LoopController.continue_forever">false</boolProp>'
        f'<stringProp name="LoopController.loops">{group.loops}</stringProp></elementProp>'
        f'<stringProp name="ThreadGroup.num_threads">{group.threads}</stringProp>'
        f'<stringProp name="ThreadGroup.ramp_time">0</stringProp></{group.element}>'
        f"<hashTree>{timer}{samplers}</hashTree>"
    )


def _sampler(port: int, path: str, group: Group) -> str:
    checks = ""
    if group.expects is not None:
        checks = (
            '<ResponseAssertion guiclass="AssertionGui" testclass="ResponseAssertion" testname="Body">'
            '<collectionProp name="Asserion.test_strings">'
            f'<stringProp name="1">{group.expects}</stringProp></collectionProp>'
            '<stringProp name="Assertion.test_field">Assertion.response_data</stringProp>'
            '<boolProp name="Assertion.assume_success">false</boolProp>'
            '<intProp name="Assertion.test_type">16</intProp></ResponseAssertion><hashTree/>'
        )
    if group.groovy is not None:
        checks += (
            '<JSR223PostProcessor guiclass="TestBeanGUI" testclass="JSR223PostProcessor" testname="Script">'
            '<stringProp name="scriptLanguage">groovy</stringProp>'
            f'<stringProp name="script">{group.groovy}</stringProp></JSR223PostProcessor><hashTree/>'
        )
    return (
        f'<HTTPSamplerProxy guiclass="HttpTestSampleGui" testclass="HTTPSamplerProxy" testname={quoteattr(path)}>'
        '<elementProp name="HTTPsampler.Arguments" elementType="Arguments" guiclass="HTTPArgumentsPanel" '
        'testclass="Arguments" testname="Arguments">'
        '<collectionProp name="Arguments.arguments"/></elementProp>'
        '<stringProp name="HTTPSampler.domain">127.0.0.1</stringProp>'
        f'<stringProp name="HTTPSampler.port">{port}</stringProp>'
        '<stringProp name="HTTPSampler.protocol">http</stringProp>'
        f'<stringProp name="HTTPSampler.path">{path}</stringProp>'
        '<stringProp name="HTTPSampler.method">GET</stringProp>'
        '<boolProp name="HTTPSampler.use_keepalive">true</boolProp>'
        f"</HTTPSamplerProxy><hashTree>{checks}</hashTree>"
    )
