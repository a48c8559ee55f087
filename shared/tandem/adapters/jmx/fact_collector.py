"""Collects the facts of a plan while its elements go by; what is kept does not grow with the size of the plan."""

import re
from dataclasses import replace
from typing import Final, TypeVar

from tandem.adapters.jmx.data_file_links import names_a_linked_file
from tandem.adapters.jmx.harmless import (
    CHECKED_VALUES,
    HARMLESS_ELEMENTS,
    HARMLESS_FUNCTIONS,
    HARMLESS_ROWS,
    gui_fault,
    value_faults,
)
from tandem.adapters.jmx.http_targets import HttpTargets
from tandem.adapters.jmx.plan_tree import ReadElement, ReadRow
from tandem.adapters.jmx.secrets import SECRET_VALUES, secret_text, secrets_of
from tandem.adapters.jmx.standard_jmeter import (
    CODE_ELEMENT_PREFIXES,
    CODE_FUNCTIONS,
    FILE_READING_FUNCTIONS,
    FILE_WRITING_FUNCTIONS,
    STANDARD_FUNCTIONS,
    TEXT_AS_CODE_FUNCTIONS,
    element_alias,
)
from tandem.domain.errors import TooLarge
from tandem.domain.function_calls import FunctionCall, function_calls, hides_a_name
from tandem.domain.jmeter_properties import is_jmeters_own
from tandem.domain.plan_facts import (
    CodeFact,
    FileFact,
    FileUse,
    OddFact,
    PlanElement,
    PlanFacts,
    PluginFact,
    ReadLimits,
    SecretFact,
    TargetFact,
    ThreadGroupFact,
    UnlistedFact,
    UsedFact,
)

_FILE_VALUES: Final = {
    "filename": FileUse.READ,
    "File.path": FileUse.READ,
    "logFile": FileUse.READ,
    "xmlschema_assertion_filename": FileUse.READ,
    "HTTPSampler.FILE_NAME": FileUse.READ,
    "SMIMEAssert.signerCertFile": FileUse.READ,
    "IncludeController.includepath": FileUse.PLAN,
    "FileSaver.filename": FileUse.WRITE,
    "html_assertion_filename": FileUse.WRITE,
}
# Values that name variables which the element fills while the test runs.
_VARIABLE_VALUES: Final = frozenset(
    {
        "variableNames",
        "variableName",
        "resultVariable",
        "CounterConfig.name",
        "ForeachController.returnVal",
        "RegexExtractor.refname",
        "BoundaryExtractor.refname",
        "HtmlExtractor.refname",
        "XPathExtractor.refname",
        "XPathExtractor2.refname",
        "JSONPostProcessor.referenceNames",
        "JMESExtractor.referenceNames",
        "RegExUserParameters.regex_ref_name",
    }
)
_HOST_VALUES: Final = (
    "HTTPSampler.proxyHost",
    "TCPSampler.server",
    "FTPSampler.server",
    "servername",
    "SMTPSampler.server",
    "host",
    "domain",
)
_GROUP_VALUES: Final = frozenset(
    {
        "ThreadGroup.num_threads",
        "ThreadGroup.ramp_time",
        "ThreadGroup.scheduler",
        "ThreadGroup.duration",
        "ThreadGroup.delay",
        "LoopController.loops",
    }
)
_HTTP_VALUES: Final = frozenset({"HTTPSampler.domain", "HTTPSampler.protocol", "HTTPSampler.port", "HTTPSampler.path"})
KEPT_VALUES: Final = (
    frozenset(_FILE_VALUES)
    | _VARIABLE_VALUES
    | frozenset(_HOST_VALUES)
    | _GROUP_VALUES
    | _HTTP_VALUES
    | CHECKED_VALUES
    | SECRET_VALUES
    | {
        "StaticHost.Address",
        "TestElement.enabled",
        "TestPlan.user_define_classpath",
        "TestPlan.serialize_threadgroups",
        "IfController.useExpression",
    }
)
_HTTP_SAMPLERS: Final = frozenset(
    {"HTTPSamplerProxy", "HTTPSampler", "HTTPSampler2", "HTTPSampler_", "HTTPSampler2_", "AjpSampler"}
)
_CALLS_NOBODY: Final = frozenset({"DebugSampler", "JavaSampler", "TransactionSampler", "JUnitSampler", "SystemSampler"})
_CALLS_SOMEWHERE: Final = frozenset(
    {"JDBCDataSource", "MongoSourceElement", "BoltConnectionElement", "BackendListener", "MailerResultCollector"}
)
# These only read the name that they are given; every other function may store its value in a variable.
_READ_ONLY_FUNCTIONS: Final = frozenset({"__P", "__V", "__isVarDefined", "__isPropDefined", "__char", "__setProperty"})
_Fact = TypeVar("_Fact", CodeFact, FileFact, PluginFact, OddFact, UnlistedFact, SecretFact)
_WITH_FINDINGS: Final = CODE_FUNCTIONS | TEXT_AS_CODE_FUNCTIONS | FILE_READING_FUNCTIONS | FILE_WRITING_FUNCTIONS
_ASKS_FOR_A_PROPERTY: Final = frozenset({"__P", "__property", "__isPropDefined"})
_IDENTIFIER = re.compile(r"[\w.\-]{1,200}")


class FactCollector:
    """See ``PlanVisitor``; raises TooLarge when a plan says more different things than the limits allow."""

    def __init__(self, limits: ReadLimits) -> None:
        self._limits = limits
        self._name = ""
        self._targets = HttpTargets(limits.max_facts)
        self._groups: list[ThreadGroupFact] = []
        self._code: dict[bool, list[CodeFact]] = {True: [], False: []}
        self._files: dict[bool, list[FileFact]] = {True: [], False: []}
        self._plugins: dict[bool, list[PluginFact]] = {True: [], False: []}
        self._odd: dict[bool, list[OddFact]] = {True: [], False: []}
        self._unlisted: dict[bool, list[UnlistedFact]] = {True: [], False: []}
        self._secrets: dict[bool, list[SecretFact]] = {True: [], False: []}
        self._used: dict[tuple[str, bool], UsedFact] = {}
        self._properties_read: set[str] = set()
        self._serialised = "false"
        self._variables: dict[str, tuple[str, ...]] = {}
        self._changing: set[str] = set()
        self._changing_properties: set[str] = set()
        self._any_may_change = False
        self._disabled: list[PlanElement] = []
        self._disabled_may_run = False
        # Whether each open hashTree, and the element left last, lies in a disabled part.
        self._trees_disabled: list[bool] = []
        self._last_disabled = False
        # Of the element that is being read.
        self._calls: dict[str, list[FunctionCall]] = {}
        self._objects: set[str] = set()
        self._oddities: list[str] = []
        self._servers: list[str] = []
        self._rows: list[ReadRow] = []
        self._has_secret = False

    def text(self, element: ReadElement, text: str) -> None:
        self._has_secret = self._has_secret or secret_text(text)
        if hides_a_name(text):
            self._oddities.append("a backslash stands in the name of a function or variable")
        for call in function_calls(text):
            self._note_call(call)

    def _note_call(self, call: FunctionCall) -> None:
        function, arguments = call.name, call.arguments
        calls = self._calls.setdefault(function, [])
        # Files and properties that are named by a function are judged one by one.
        if len(calls) < self._limits.max_facts and call not in calls[-50:]:
            calls.append(call)
        self._check_count(len(self._calls), "functions")
        if function in _ASKS_FOR_A_PROPERTY and arguments:
            self._properties_read.add(arguments[0])
            self._check_count(len(self._properties_read), "properties")
        if function == "__setProperty" and arguments:
            self._changes(arguments[0], self._changing_properties)
        elif function == "__property" and len(arguments) > 1:
            self._changes(arguments[1], self._changing)
        elif function not in _READ_ONLY_FUNCTIONS:
            self._changing.update(name for name in arguments if _IDENTIFIER.fullmatch(name))
            self._check_count(len(self._changing), "variables")

    def row(self, element: ReadElement, row: ReadRow) -> None:
        if row.values or row.java_class not in HARMLESS_ROWS:
            self._rows.append(row)
            self._check_count(len(self._rows), "rows of one element")

    def list_value(self, element: ReadElement, list_name: str, value: str) -> None:
        if list_name == "UserParameters.names":
            self._changes(value, self._changing)
        elif list_name == "DNSCacheManager.servers":
            # Whoever answers for a name decides where the load goes.
            self._servers.append(value)
            self._check_count(len(self._servers), "name servers")

    def object(self, element: ReadElement, java_class: str) -> None:
        self._objects.add(java_class)
        self._check_count(len(self._objects), "Java classes")

    def odd(self, element: ReadElement, what: str) -> None:
        if element.kind in {"jmeterTestPlan", "hashTree"}:
            # Outside of any element.
            where = PlanElement(element.kind, "", element.path, element.line)
            self._add(self._odd, OddFact(where, what))
        elif len(self._oddities) < self._limits.max_facts:
            self._oddities.append(what)

    def leave_element(self, element: ReadElement) -> None:
        below_disabled = bool(self._trees_disabled) and self._trees_disabled[-1]
        self._last_disabled = below_disabled or element.disabled
        where = PlanElement(element.kind, element.name, element.path, element.line, not self._last_disabled)
        if element.disabled and not below_disabled and len(self._disabled) < self._limits.max_facts:
            self._disabled.append(where)
        self._collect_tree_facts(element, where)
        self._collect_odd(where)
        self._collect_code(element, where)
        self._collect_unlisted(element, where)
        self._collect_functions(where)
        self._collect_files(element, where)
        self._collect_secrets(element, where)
        self._collect_targets(element, where)
        self._collect_variables(element, where)
        self._calls.clear()
        self._objects.clear()
        self._oddities.clear()
        self._servers.clear()
        self._rows.clear()
        self._has_secret = False

    def enter_tree(self) -> None:
        self._trees_disabled.append(self._last_disabled)
        self._targets.enter_tree()

    def leave_tree(self) -> None:
        self._last_disabled = self._trees_disabled.pop()
        self._targets.leave_tree()

    def facts(self) -> PlanFacts:
        return PlanFacts(
            name=self._name,
            thread_groups=tuple(self._groups),
            targets=self._targets.all(),
            code=tuple(self._code[True] + self._code[False]),
            files=tuple(self._files[True] + self._files[False]),
            plugins=tuple(self._plugins[True] + self._plugins[False]),
            variables=dict(self._variables),
            changing=frozenset(self._changing),
            changing_properties=frozenset(self._changing_properties),
            any_may_change=self._any_may_change,
            disabled=tuple(self._disabled),
            disabled_may_run=self._disabled_may_run,
            odd=tuple(self._odd[True] + self._odd[False]),
            unlisted=tuple(self._unlisted[True] + self._unlisted[False]),
            secrets=tuple(self._secrets[True] + self._secrets[False]),
            used=tuple(self._used.values()),
            properties_read=frozenset(self._properties_read),
            serialised=self._serialised,
        )

    def _collect_tree_facts(self, element: ReadElement, where: PlanElement) -> None:
        if element.kind == "TestPlan" and not self._name:
            self._name = element.name
            self._serialised = element.values.get("TestPlan.serialize_threadgroups", "false")
        elif element.kind == "ModuleController" and where.enabled:
            self._disabled_may_run = True
        elif element.kind.endswith("ThreadGroup"):
            self._check_count(len(self._groups), "thread groups")
            values = element.values
            loops = [row.values["LoopController.loops"] for row in self._rows if "LoopController.loops" in row.values]
            self._groups.append(
                ThreadGroupFact(
                    where,
                    values.get("ThreadGroup.num_threads"),
                    values.get("ThreadGroup.ramp_time"),
                    loops[-1] if loops else None,
                    values.get("ThreadGroup.scheduler", "false"),
                    values.get("ThreadGroup.duration"),
                    values.get("ThreadGroup.delay"),
                )
            )

    def _collect_odd(self, where: PlanElement) -> None:
        # What JMeter does while it opens a file, it does for disabled elements as well.
        opened = replace(where, enabled=True)
        for what in dict.fromkeys(self._oddities):
            self._add(self._odd, OddFact(opened, what))
        for name in sorted(self._objects):
            self._add(
                self._code, CodeFact(opened, f"JMeter would build a Java object of {name[:200]} to open the plan")
            )

    def _collect_code(self, element: ReadElement, where: PlanElement) -> None:
        for kind in (element.kind, *(row.kind for row in self._rows)):
            if kind.startswith(CODE_ELEMENT_PREFIXES):
                self._add(self._code, CodeFact(where, f"{kind} runs code that the plan brings along"))
        for kind, values in ((element.kind, element.values), *((row.kind, row.values) for row in self._rows)):
            if values.get("TestPlan.user_define_classpath", "").strip():
                self._add(self._code, CodeFact(where, "the test plan adds jars to JMeter's class path"))
            # To the letter, as JMeter reads it: " true" is not true.
            if kind == "IfController" and values.get("IfController.useExpression", "") != "true":
                self._add(self._code, CodeFact(where, "the If Controller evaluates its condition as JavaScript"))
            java_class = values.get("classname", "").strip()
            if kind in {"JavaSampler", "JavaConfig"} and not java_class.startswith("org.apache.jmeter."):
                self._add(self._code, CodeFact(where, f"{kind} runs the Java class {java_class or '(none named)'}"))

    def _collect_unlisted(self, element: ReadElement, where: PlanElement) -> None:
        opened = replace(where, enabled=True)
        self._use(element.java_class, where, is_function=False)
        alias = element_alias(element.java_class)
        if alias is None:
            self._add(self._plugins, PluginFact(where, element.java_class[:200]))
            self._add(self._unlisted, UnlistedFact(opened, f"the element {element.java_class[:200]}"))
        elif alias not in HARMLESS_ELEMENTS and not alias.startswith(CODE_ELEMENT_PREFIXES):
            self._add(self._unlisted, UnlistedFact(where, f"the element {alias}"))
        for row in self._rows:
            if row.java_class:
                self._use(row.java_class, where, is_function=False)
            row_alias = element_alias(row.java_class)
            if row_alias is None:
                self._add(self._unlisted, UnlistedFact(opened, f"the inner element {row.java_class[:200] or '(none)'}"))
            elif row_alias not in HARMLESS_ROWS and not row_alias.startswith(CODE_ELEMENT_PREFIXES):
                self._add(self._unlisted, UnlistedFact(where, f"{row_alias} as an inner element"))
        for kind, gui, values in (
            (element.kind, element.gui, element.values),
            *((row.kind, row.gui, row.values) for row in self._rows),
        ):
            fault = gui_fault(kind, gui)
            for what in [*([] if fault is None else [fault]), *value_faults(kind, values)]:
                self._add(self._unlisted, UnlistedFact(where, what))

    def _collect_functions(self, where: PlanElement) -> None:
        for function, calls in sorted(self._calls.items()):
            self._use(function, where, is_function=True)
            if function in CODE_FUNCTIONS:
                self._add(self._code, CodeFact(where, f"{function} runs a script", function))
            elif function in TEXT_AS_CODE_FUNCTIONS:
                self._add(self._code, CodeFact(where, f"{function} evaluates text made while the test runs", function))
            elif function in FILE_READING_FUNCTIONS:
                for call in calls:
                    self._add(self._files, FileFact(where, FileUse.READ, _argument(call, 0), function))
            elif function in FILE_WRITING_FUNCTIONS:
                for call in calls:
                    self._add(self._files, FileFact(where, FileUse.WRITE, _argument(call, 0), function))
            elif function not in STANDARD_FUNCTIONS:
                self._add(self._plugins, PluginFact(where, function[:200]))
            if function == "__setProperty":
                for name in (_argument(call, 0) for call in calls):
                    if not _IDENTIFIER.fullmatch(name) or is_jmeters_own(name):
                        self._add(
                            self._unlisted, UnlistedFact(where, f"the property {name[:100]} that a function sets")
                        )
            elif function not in HARMLESS_FUNCTIONS and function not in _WITH_FINDINGS:
                self._add(self._unlisted, UnlistedFact(where, f"the function {function[:200]}"))

    def _collect_secrets(self, element: ReadElement, where: PlanElement) -> None:
        found = [*secrets_of(element.values), *(secret for row in self._rows for secret in secrets_of(row.values))]
        if self._has_secret and not found:
            found.append("a value that has the form of a key or token")
        for what in dict.fromkeys(found):
            self._add(self._secrets, SecretFact(where, what))

    def _use(self, what: str, where: PlanElement, *, is_function: bool) -> None:
        key = (what, is_function)
        if key not in self._used or (where.enabled and not self._used[key].element.enabled):
            self._used[key] = UsedFact(where, what, is_function)
            self._check_count(len(self._used), "kinds of elements and functions")

    def _collect_files(self, element: ReadElement, where: PlanElement) -> None:
        for values in (element.values, *(row.values for row in self._rows)):
            for name, use in _FILE_VALUES.items():
                file_name = values.get(name, "").strip()
                if element.kind == "CSVDataSet" and name == "filename":
                    self._add(self._files, FileFact(where, FileUse.CSV_DATA, file_name, linked=True))
                elif file_name:
                    written = name == "filename" and element.kind.endswith("Collector")
                    linked = names_a_linked_file(name, element.kind)
                    use_of = FileUse.WRITE if written else use
                    self._add(self._files, FileFact(where, use_of, file_name, linked=linked))

    def _collect_targets(self, element: ReadElement, where: PlanElement) -> None:
        values = element.values
        named = [values[name] for name in _HOST_VALUES if values.get(name, "").strip()]
        for row in self._rows:
            named.extend(part for part in row.values.get("StaticHost.Address", "").split(",") if part.strip())
        named.extend(self._servers)
        for host in named:
            self._targets.add(TargetFact(where, host))
        http = TargetFact(
            where,
            values.get("HTTPSampler.domain", ""),
            values.get("HTTPSampler.protocol", ""),
            values.get("HTTPSampler.port", ""),
            values.get("HTTPSampler.path", ""),
            is_http=True,
        )
        if element.kind in _HTTP_SAMPLERS:
            self._targets.add_sampler(http)
        elif values.keys() & _HTTP_VALUES:
            # Samplers take these values from configuration elements of any kind.
            self._targets.add_defaults(http)
        elif not named and _calls_somewhere(element):
            self._targets.add(TargetFact(where, None))

    def _collect_variables(self, element: ReadElement, where: PlanElement) -> None:
        if element.kind in {"TestPlan", "Arguments"} and where.enabled:
            for row in self._rows:
                name, value = row.values.get("Argument.name", ""), row.values.get("Argument.value", "")
                known = self._variables.get(name, ())
                # Two different values are as unknown as ten.
                if name and value not in known and len(known) < 2:
                    self._variables[name] = (*known, value)
            self._check_count(len(self._variables), "variables")
        for value_name in _VARIABLE_VALUES & element.values.keys():
            for name in re.split(r"[,;\s]+", element.values[value_name]):
                self._changes(name, self._changing)
        if element.kind == "CSVDataSet" and not element.values.get("variableNames", "").strip():
            self._any_may_change = self._any_may_change or where.enabled

    def _changes(self, name: str, names: set[str]) -> None:
        if "${" in name:
            self._any_may_change = True
        elif name:
            names.add(name)
            self._check_count(len(names), "variables")

    def _add(self, facts: dict[bool, list[_Fact]], fact: _Fact) -> None:
        # More of the same kind would not change the judgement; the disabled ones must not crowd out the others.
        kept = facts[fact.element.enabled]
        if len(kept) < self._limits.max_facts:
            kept.append(fact)

    def _check_count(self, count: int, what: str) -> None:
        if count >= self._limits.max_facts:
            raise TooLarge(f"The test plan has more than {self._limits.max_facts} different {what}.")


def _argument(call: FunctionCall, index: int) -> str:
    return call.arguments[index] if len(call.arguments) > index else ""


def _calls_somewhere(element: ReadElement) -> bool:
    if element.kind in _CALLS_SOMEWHERE:
        return True
    own_code = element.kind.startswith(CODE_ELEMENT_PREFIXES) or element.kind in _CALLS_NOBODY
    return element.kind.endswith("Sampler") and not own_code
