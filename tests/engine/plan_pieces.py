"""Plans of the engine's tests, put together from pieces: groups of every kind whose samples sleep a little."""

from collections.abc import Mapping

OPEN_MODEL = "org.apache.jmeter.threads.openmodel.OpenModelThreadGroup"
ULTIMATE = "kg.apc.jmeter.threads.UltimateThreadGroup"
STEPPING = "kg.apc.jmeter.threads.SteppingThreadGroup"
CONCURRENCY = "com.blazemeter.jmeter.threads.concurrency.ConcurrencyThreadGroup"


def whole_plan(*elements: str, serialised: bool = False) -> str:
    """A whole plan."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><jmeterTestPlan version="1.2" properties="5.0" jmeter="5.5"><hashTree>'
        '<TestPlan guiclass="TestPlanGui" testclass="TestPlan" testname="Pieces" enabled="true">'
        f"{prop('TestPlan.serialize_threadgroups', serialised)}"
        '<elementProp name="TestPlan.user_defined_variables" elementType="Arguments">'
        '<collectionProp name="Arguments.arguments"/></elementProp></TestPlan>'
        f"<hashTree>{''.join(elements)}</hashTree></hashTree></jmeterTestPlan>"
    )


def prop(name: str, value: object) -> str:
    """A property of text, or a flag."""
    if isinstance(value, bool):
        return f'<boolProp name="{name}">{str(value).lower()}</boolProp>'
    return f'<stringProp name="{name}">{value}</stringProp>'


def group(
    name: str,
    *children: str,
    kind: str = "ThreadGroup",
    loops: object = 1,
    more: str = "",
    **properties: object,
) -> str:
    """A thread group of two threads; ``properties`` are those of ``ThreadGroup.``."""
    shape = {"num_threads": 2, "ramp_time": 0, "on_sample_error": "continue"} | properties
    controller = (
        '<elementProp name="ThreadGroup.main_controller" elementType="LoopController" guiclass="LoopControlPanel" '
        f'testclass="LoopController">{prop("LoopController.continue_forever", False)}'
        f"{prop('LoopController.loops', loops)}</elementProp>"
    )
    return (
        f'<{kind} guiclass="{kind}Gui" testclass="{kind}" testname="{name}" enabled="true">'
        f"{'' if loops is None else controller}"
        + "".join(prop(f"ThreadGroup.{key}", value) for key, value in shape.items())
        + f"{more}</{kind}><hashTree>{''.join(children)}</hashTree>"
    )


def plugin_group(name: str, *children: str, kind: str, properties: Mapping[str, object], more: str = "") -> str:
    """A thread group whose properties have names of their own."""
    inner = "".join(prop(key, value) for key, value in properties.items()) + more
    return (
        f'<{kind} guiclass="{kind}Gui" testclass="{kind}" testname="{name}" enabled="true">'
        f"{inner}</{kind}><hashTree>{''.join(children)}</hashTree>"
    )


def ultimate(name: str, *children: str, row: tuple[int, int, int, int, int]) -> str:
    """An Ultimate Thread Group with one row: threads, delay, startup, hold, shutdown."""
    cells = "".join(prop("1", cell) for cell in row)
    more = (
        '<collectionProp name="ultimatethreadgroupdata">'
        f'<collectionProp name="r">{cells}</collectionProp></collectionProp>'
        '<elementProp name="ThreadGroup.main_controller" elementType="LoopController" testclass="LoopController">'
        f"{prop('LoopController.continue_forever', False)}{prop('LoopController.loops', -1)}</elementProp>"
    )
    return plugin_group(
        name, *children, kind=ULTIMATE, properties={"ThreadGroup.on_sample_error": "continue"}, more=more
    )


def sleep(label: str, milliseconds: object = 50) -> str:
    """A sample that sleeps."""
    arguments = "".join(
        f'<elementProp name="{key}" elementType="Argument">{prop("Argument.name", key)}{prop("Argument.value", value)}'
        f"{prop('Argument.metadata', '=')}</elementProp>"
        for key, value in (("Sleep_Time", milliseconds), ("Sleep_Mask", "0x0"))
    )
    return (
        f'<JavaSampler guiclass="JavaTestSamplerGui" testclass="JavaSampler" testname="{label}" enabled="true">'
        '<elementProp name="arguments" elementType="Arguments"><collectionProp name="Arguments.arguments">'
        f"{arguments}</collectionProp></elementProp>"
        f"{prop('classname', 'org.apache.jmeter.protocol.java.test.JavaTest')}</JavaSampler><hashTree/>"
    )


def pause(milliseconds: int) -> str:
    """A pause before each sample."""
    return (
        '<ConstantTimer guiclass="ConstantTimerGui" testclass="ConstantTimer" testname="pause" enabled="true">'
        f"{prop('ConstantTimer.delay', milliseconds)}</ConstantTimer><hashTree/>"
    )


def listener(file_name: str) -> str:
    """A listener that writes what it hears to a file."""
    return (
        '<ResultCollector guiclass="SimpleDataWriter" testclass="ResultCollector" testname="Writer" enabled="true">'
        f"{prop('ResultCollector.error_logging', False)}{prop('filename', file_name)}</ResultCollector><hashTree/>"
    )


def csv_data(file_name: str, variables: str) -> str:
    """A CSV Data Set."""
    shape = {
        "filename": file_name,
        "variableNames": variables,
        "delimiter": ",",
        "recycle": True,
        "stopThread": False,
        "shareMode": "shareMode.all",
    }
    inner = "".join(prop(key, value) for key, value in shape.items())
    return (
        '<CSVDataSet guiclass="TestBeanGUI" testclass="CSVDataSet" testname="Data" enabled="true">'
        f"{inner}</CSVDataSet><hashTree/>"
    )


def include(file_name: str) -> str:
    """An Include Controller."""
    return (
        '<IncludeController guiclass="IncludeControllerGui" testclass="IncludeController" testname="Include" '
        'enabled="true">'
        f"{prop('IncludeController.includepath', file_name)}</IncludeController><hashTree/>"
    )


def fragment(*elements: str) -> str:
    """A plan that others include."""
    inner = (
        '<TestFragmentController guiclass="TestFragmentControllerGui" testclass="TestFragmentController" '
        f'testname="Fragment" enabled="true"/><hashTree>{"".join(elements)}</hashTree>'
    )
    return whole_plan(inner)
