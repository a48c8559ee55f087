"""What a JMeter without plug-ins has: the elements and the functions of Apache JMeter 5.6 with all its protocols.

From ``bin/saveservice.properties`` (the names that plans use for elements, and their classes),
``bin/upgrade.properties`` (old names) and the function classes of its jars.
"""

from typing import Final

from tandem.domain.word_list import words

_BY_PACKAGE: Final = {
    "assertions": (
        "BSFAssertion BeanShellAssertion CompareAssertion DurationAssertion HTMLAssertion JSONPathAssertion "
        "JSR223Assertion MD5HexAssertion ResponseAssertion SMIMEAssertion=SMIMEAssertionTestElement "
        "SizeAssertion SubstitutionElement XMLAssertion XMLSchemaAssertion XPath2Assertion XPathAssertion"
    ),
    "assertions.jmespath": "JMESPathAssertion",
    "config": "Argument Arguments CSVDataSet ConfigTestElement KeystoreConfig LoginConfig RandomVariableConfig",
    "control": (
        "CriticalSectionController ForeachController GenericController IfController IncludeController "
        "InterleaveControl LoopController ModuleController OnceOnlyController RandomController "
        "RandomOrderController RunTime SwitchController TestFragmentController ThroughputController "
        "TransactionController TransactionSampler WhileController"
    ),
    "extractor": (
        "BSFPostProcessor BeanShellPostProcessor BoundaryExtractor DebugPostProcessor HtmlExtractor "
        "JSR223PostProcessor RegexExtractor XPath2Extractor XPathExtractor"
    ),
    "extractor.json.jmespath": "JMESPathExtractor",
    "extractor.json.jsonpath": "JSONPostProcessor",
    "modifiers": "BSFPreProcessor BeanShellPreProcessor CounterConfig JSR223PreProcessor SampleTimeout UserParameters",
    "protocol.bolt.config": "BoltConnectionElement",
    "protocol.bolt.sampler": "BoltSampler",
    "protocol.ftp.sampler": "FTPSampler",
    "protocol.http.control": (
        "AuthManager Authorization CacheManager Cookie CookieManager DNSCacheManager Header HeaderManager "
        "HttpMirrorControl RecordingController StaticHost"
    ),
    "protocol.http.modifier": (
        "AnchorModifier ParamMask ParamModifier RegExUserParameters URLRewritingModifier UserParameterModifier"
    ),
    "protocol.http.proxy": "ProxyControl",
    "protocol.http.sampler": (
        "AccessLogSampler AjpSampler HTTPSampler=HTTPSamplerProxy HTTPSampler2=HTTPSamplerProxy "
        "HTTPSampler2_=HTTPSampler2 HTTPSamplerProxy HTTPSampler_=HTTPSampler SoapSampler WebServiceSampler"
    ),
    "protocol.http.util": "HTTPArgument HTTPFileArg HTTPFileArgs",
    "protocol.java.config": "JavaConfig",
    "protocol.java.sampler": "BSFSampler BeanShellSampler JSR223Sampler JUnitSampler JavaSampler",
    "protocol.jdbc.config": "JDBCDataSource=DataSourceElement",
    "protocol.jdbc.processor": "JDBCPostProcessor JDBCPreProcessor",
    "protocol.jdbc.sampler": "JDBCSampler",
    "protocol.jms.sampler": "JMSProperties JMSProperty JMSSampler PublisherSampler SubscriberSampler",
    "protocol.ldap.config.gui": "LDAPArgument LDAPArguments",
    "protocol.ldap.sampler": "LDAPExtSampler LDAPSampler",
    "protocol.mail.sampler": "MailReaderSampler",
    "protocol.mongodb.config": "MongoSourceElement",
    "protocol.mongodb.sampler": "MongoScriptSampler",
    "protocol.smtp.sampler": "SmtpSampler",
    "protocol.system": "SystemSampler",
    "protocol.tcp.sampler": "TCPSampler",
    "reporters": "MailerModel MailerResultCollector ResultAction ResultCollector ResultSaver Summariser",
    "sampler": "DebugSampler TestAction",
    "samplers": "RemoteListenerWrapper RemoteSampleListenerWrapper RemoteTestListenerWrapper",
    "testelement": "TestPlan WorkBench",
    "threads": "PostThreadGroup ReflectionThreadGroup RemoteThreadsListenerWrapper SetupThreadGroup ThreadGroup",
    "threads.openmodel": "OpenModelThreadGroup OpenModelThreadGroupController",
    "timers": (
        "BSFTimer BeanShellTimer ConstantThroughputTimer ConstantTimer GaussianRandomTimer JSR223Timer "
        "PoissonRandomTimer SyncTimer UniformRandomTimer"
    ),
    "timers.poissonarrivals": "PreciseThroughputTimer",
    "visualizers": "BSFListener BeanShellListener JSR223Listener",
    "visualizers.backend": "BackendListener",
}


def _classes() -> dict[str, str]:
    classes: dict[str, str] = {}
    for package, names in _BY_PACKAGE.items():
        for entry in names.split():
            alias, _, name = entry.partition("=")
            classes[alias] = f"org.apache.jmeter.{package}.{name or alias}"
    return classes


ELEMENT_CLASSES: Final = _classes()
"""The Java class of each element, by the name that plans use for it."""

_ALIASES: Final = {
    # An element that was renamed or given up is opened as what took its place (upgrade.properties).
    "org.apache.jmeter.assertions.Assertion": "ResponseAssertion",
    "org.apache.jmeter.protocol.http.sampler.HTTPSamplerFull": "HTTPSampler_",
    **{java_class: alias for alias, java_class in reversed(ELEMENT_CLASSES.items())},
}


def element_alias(java_class: str) -> str | None:
    """The name that plans use for an element of JMeter's own, given by that name or by its class; None: no such one."""
    return java_class if java_class in ELEMENT_CLASSES else _ALIASES.get(java_class)


STANDARD_FUNCTIONS: Final = frozenset(
    [
        "__BeanShell",
        "__CSVRead",
        "__FileToString",
        "__P",
        "__Random",
        "__RandomDate",
        "__RandomFromMultipleVars",
        "__RandomString",
        "__StringFromFile",
        "__StringToFile",
        "__TestPlanName",
        "__UUID",
        "__V",
        "__XPath",
        "__changeCase",
        "__char",
        "__counter",
        "__dateTimeConvert",
        "__digest",
        "__escapeHtml",
        "__escapeOroRegexpChars",
        "__escapeXml",
        "__eval",
        "__evalVar",
        "__groovy",
        "__intSum",
        "__isPropDefined",
        "__isVarDefined",
        "__javaScript",
        "__jexl2",
        "__jexl3",
        "__log",
        "__logn",
        "__longSum",
        "__machineIP",
        "__machineName",
        "__property",
        "__regexFunction",
        "__samplerName",
        "__setProperty",
        "__split",
        "__threadGroupName",
        "__threadNum",
        "__time",
        "__timeShift",
        "__unescape",
        "__unescapeHtml",
        "__urldecode",
        "__urlencode",
    ]
)
"""Functions, as called in ``${...}``."""

CODE_ELEMENT_PREFIXES: Final = ("JSR223", "BeanShell", "BSF", "SystemSampler", "JUnitSampler")
"""Elements that run a script, a process of the operating system, or a class of the user's."""

CODE_FUNCTIONS: Final = frozenset({"__groovy", "__BeanShell", "__javaScript", "__jexl", "__jexl2", "__jexl3"})
"""Functions that run a script."""

TEXT_AS_CODE_FUNCTIONS: Final = frozenset({"__eval", "__evalVar"})
"""Functions that evaluate text put together while the test runs, which can then call any of the others."""

FILE_READING_FUNCTIONS: Final = frozenset({"__CSVRead", "__FileToString", "__StringFromFile", "__XPath"})
FILE_WRITING_FUNCTIONS: Final = frozenset({"__StringToFile"})

SIMPLE_TAGS: Final = frozenset({"stringProp", "boolProp", "intProp", "longProp"})
"""Values that hold one text."""

NUMBER_TAGS: Final = frozenset({"FloatProperty", "doubleProp"})
"""Numbers that hold their name, their value and their saved value as elements of their own."""

PROPERTY_TAGS: Final = SIMPLE_TAGS | NUMBER_TAGS | {"collectionProp", "elementProp", "mapProp", "objProp"}
"""The tags of an element's values; JMeter would build a Java object of any other tag."""

SAVE_CONFIGURATION: Final = "SampleSaveConfiguration"
"""What a listener saves: JMeter's own data, which it writes as an object (``objProp``)."""

SAVE_CONFIGURATION_CLASS: Final = "org.apache.jmeter.samplers.SampleSaveConfiguration"

SAVE_CONFIGURATION_FIELDS: Final = words(
    "time latency connectTime timestamp success label code message threadName dataType encoding assertions subresults "
    "responseData samplerData xml fieldNames responseHeaders requestHeaders responseDataOnError "
    "saveAssertionResultsFailureMessage assertionsResultsToSave bytes sentBytes url fileName hostname threadCounts "
    "sampleCount idleTime delimiter printMilliseconds"
)
IGNORED_SAVE_FIELD: Final = "formatter"
"""Old listeners have it; JMeter leaves it unread, whatever it holds."""
