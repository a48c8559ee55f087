"""What may go into a plan where code is denied: an allow-list, because whatever is not known may run something.

Every name here was looked at in JMeter 5.6: nothing of it loads a class that the plan names, runs a script or a
process, or reads a file of the engine by itself. The values that decide such things are in ``value_fault``.
"""

import re
from collections.abc import Mapping
from typing import Final

from tandem.adapters.jmx.standard_jmeter import (
    CODE_FUNCTIONS,
    FILE_READING_FUNCTIONS,
    FILE_WRITING_FUNCTIONS,
    STANDARD_FUNCTIONS,
    TEXT_AS_CODE_FUNCTIONS,
)
from tandem.domain.word_list import words

HARMLESS_ELEMENTS: Final = words(
    # The plan, its groups and controllers.
    "TestPlan ThreadGroup SetupThreadGroup PostThreadGroup OpenModelThreadGroup OpenModelThreadGroupController "
    "TestFragmentController GenericController LoopController IfController WhileController ForeachController "
    "OnceOnlyController RandomController RandomOrderController InterleaveControl SwitchController "
    "ThroughputController RunTime TransactionController CriticalSectionController RecordingController "
    "ModuleController IncludeController WorkBench "
    # Samplers.
    "HTTPSamplerProxy HTTPSampler HTTPSampler2 HTTPSampler_ HTTPSampler2_ AjpSampler TCPSampler JavaSampler "
    "DebugSampler TestAction "
    # Configuration.
    "ConfigTestElement Arguments HeaderManager CookieManager CacheManager AuthManager DNSCacheManager "
    "KeystoreConfig LoginConfig CounterConfig RandomVariableConfig CSVDataSet UserParameters JavaConfig "
    # Timers.
    "ConstantTimer GaussianRandomTimer UniformRandomTimer PoissonRandomTimer ConstantThroughputTimer "
    "PreciseThroughputTimer SyncTimer "
    # Assertions, extractors and modifiers.
    "ResponseAssertion DurationAssertion SizeAssertion JSONPathAssertion JMESPathAssertion MD5HexAssertion "
    "XPathAssertion XPath2Assertion HTMLAssertion XMLAssertion XMLSchemaAssertion CompareAssertion "
    "RegexExtractor BoundaryExtractor HtmlExtractor JSONPostProcessor JMESPathExtractor XPathExtractor "
    "XPath2Extractor ResultAction DebugPostProcessor SampleTimeout AnchorModifier URLRewritingModifier "
    "RegExUserParameters "
    # Listeners.
    "ResultCollector ResultSaver Summariser"
)

HARMLESS_ROWS: Final = words(
    "Arguments Argument HTTPArgument HTTPFileArgs HTTPFileArg Header Cookie Authorization StaticHost LoopController "
    "OpenModelThreadGroupController SubstitutionElement"
)
"""Elements inside an element, as a thread group's loop controller is."""

HARMLESS_FUNCTIONS: Final = (
    STANDARD_FUNCTIONS - CODE_FUNCTIONS - TEXT_AS_CODE_FUNCTIONS - FILE_READING_FUNCTIONS - FILE_WRITING_FUNCTIONS
)
"""The other functions of JMeter's own run scripts or reach files, and have findings of their own."""

# With these graphical classes an old plan's ConfigTestElement is opened as a JDBC data source (upgrade.properties).
_GUIS_OF_ANOTHER_ELEMENT: Final = frozenset({"DbConfigGui", "PoolConfigGui"})
_TCP: Final = "org.apache.jmeter.protocol.tcp.sampler."
_HTTP: Final = "org.apache.jmeter.protocol.http.control."
_JAVA: Final = "org.apache.jmeter.protocol.java.test."
_TCP_CLIENTS: Final = ("TCPClientImpl", "BinaryTCPClientImpl", "LengthPrefixedBinaryTCPClientImpl")
# The classes that a value may name; JMeter would load any other.
_CLASSES: Final = {
    "TCPSampler.classname": frozenset({"", *_TCP_CLIENTS, *(_TCP + name for name in _TCP_CLIENTS)}),
    "CookieManager.implementation": frozenset({"", _HTTP + "HC3CookieHandler", _HTTP + "HC4CookieHandler"}),
    "classname": frozenset({"", _JAVA + "JavaTest", _JAVA + "SleepTest"}),
}
_DOWNLOADS: Final = frozenset({"XPath.download_dtds", "XPathExtractor.download_dtds"})
_XPATH2_QUERIES: Final = frozenset({"XPathExtractor2.xpathQuery", "XPath.xpath"})
_XPATH_CALL: Final = re.compile(r"([\w.-]+)\s*\(")
# XPath 2 and 3 also read files and the environment (doc, unparsed-text, environment-variable, ...).
_XPATH_FUNCTIONS: Final = words(
    "text node comment contains starts-with ends-with position last count name local-name namespace-uri not "
    "normalize-space string number boolean concat substring substring-before substring-after string-length string-join "
    "true false sum min max avg abs floor ceiling round matches tokenize replace lower-case upper-case translate "
    "exists empty data element attribute distinct-values index-of reverse and or if return in to div mod"
)


def value_fault(kind: str, name: str, value: str) -> str | None:
    """Say which value of a harmless element would make JMeter load or read something; None when none does."""
    if name in _CLASSES:
        # Samplers take values from configuration elements of any kind, so the kind does not matter.
        return None if value in _CLASSES[name] else f"the Java class {value[:200]}"
    if name in _DOWNLOADS:
        return None if value in {"", "false"} else "document types that are downloaded, with what they refer to"
    if name in _XPATH2_QUERIES and kind in {"XPath2Extractor", "XPath2Assertion"}:
        return _query_fault(value)
    return None


def gui_fault(kind: str, gui: str) -> str | None:
    """Say what another element JMeter would make of one with such a graphical class."""
    return f"a JDBC data source ({gui})" if kind == "ConfigTestElement" and gui in _GUIS_OF_ANOTHER_ELEMENT else None


def value_faults(kind: str, values: Mapping[str, str]) -> list[str]:
    """Every fault of an element's or a row's values."""
    found = (value_fault(kind, name, value.strip()) for name, value in values.items())
    return [fault for fault in found if fault is not None]


CHECKED_VALUES: Final = frozenset(_CLASSES) | _DOWNLOADS | _XPATH2_QUERIES
"""The names of the values that ``value_fault`` looks at."""


def _query_fault(query: str) -> str | None:
    if "${" in query or "#" in query:
        return "an XPath 2 query that is not known before the run, or refers to a function by its number of arguments"
    unknown = sorted(set(_XPATH_CALL.findall(query)) - _XPATH_FUNCTIONS)
    return f"the XPath 2 function {unknown[0][:100]}" if unknown else None
