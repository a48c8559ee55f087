"""Collects the facts of a plan while its elements go by; what is kept does not grow with the size of the plan."""

import re
from typing import Final, TypeVar

from tandem.adapters.jmx.http_targets import HttpTargets
from tandem.adapters.jmx.plan_tree import ReadElement
from tandem.adapters.jmx.standard_jmeter import (
    CODE_ELEMENT_PREFIXES,
    CODE_FUNCTIONS,
    FILE_READING_FUNCTIONS,
    FILE_WRITING_FUNCTIONS,
    STANDARD_ELEMENTS,
    STANDARD_FUNCTIONS,
    TEXT_AS_CODE_FUNCTIONS,
)
from tandem.domain.errors import TooLarge
from tandem.domain.plan_expressions import function_calls
from tandem.domain.plan_facts import (
    CodeFact,
    FileFact,
    FileUse,
    PlanElement,
    PlanFacts,
    PluginFact,
    ReadLimits,
    TargetFact,
    ThreadGroupFact,
)

_FILE_VALUES: Final = {
    "filename": FileUse.READ,
    "File.path": FileUse.READ,
    "logFile": FileUse.READ,
    "xmlschema_assertion_filename": FileUse.READ,
    "IncludeController.includepath": FileUse.PLAN,
    "FileSaver.filename": FileUse.WRITE,
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
    | {
        "Argument.name",
        "Argument.value",
        "StaticHost.Address",
        "TestElement.enabled",
        "TestPlan.user_define_classpath",
        "IfController.useExpression",
        "classname",
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
_Fact = TypeVar("_Fact", CodeFact, FileFact, PluginFact)
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
        self._functions: set[str] = set()
        self._objects: set[str] = set()
        self._rows: list[tuple[str, dict[str, str]]] = []

    def text(self, element: ReadElement, text: str) -> None:
        for function, arguments in function_calls(text):
            self._functions.add(function)
            self._check_count(len(self._functions), "functions")
            if function == "__setProperty" and arguments:
                self._changes(arguments[0], self._changing_properties)
            elif function == "__property" and len(arguments) > 1:
                self._changes(arguments[1], self._changing)
            elif function not in _READ_ONLY_FUNCTIONS:
                self._changing.update(name for name in arguments if _IDENTIFIER.fullmatch(name))
                self._check_count(len(self._changing), "variables")

    def row(self, element: ReadElement, kind: str, values: dict[str, str]) -> None:
        if values or kind.startswith(CODE_ELEMENT_PREFIXES):
            self._rows.append((kind, values))
            self._check_count(len(self._rows), "rows of one element")

    def list_value(self, element: ReadElement, list_name: str, value: str) -> None:
        if list_name == "UserParameters.names":
            self._changes(value, self._changing)

    def object(self, element: ReadElement, java_class: str) -> None:
        self._objects.add(java_class)
        self._check_count(len(self._objects), "Java classes")

    def leave_element(self, element: ReadElement) -> None:
        below_disabled = bool(self._trees_disabled) and self._trees_disabled[-1]
        self._last_disabled = below_disabled or element.disabled
        where = PlanElement(element.kind, element.name, element.path, element.line, not self._last_disabled)
        if element.disabled and not below_disabled and len(self._disabled) < self._limits.max_facts:
            self._disabled.append(where)
        self._collect_tree_facts(element, where)
        self._collect_code(element, where)
        self._collect_functions(where)
        self._collect_files(element, where)
        self._collect_targets(element, where)
        self._collect_variables(element, where)
        self._functions.clear()
        self._objects.clear()
        self._rows.clear()

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
        )

    def _collect_tree_facts(self, element: ReadElement, where: PlanElement) -> None:
        if element.kind == "TestPlan" and not self._name:
            self._name = element.name
        elif element.kind == "ModuleController" and where.enabled:
            self._disabled_may_run = True
        elif element.kind.endswith("ThreadGroup"):
            self._check_count(len(self._groups), "thread groups")
            values = element.values
            loops = [row["LoopController.loops"] for _, row in self._rows if "LoopController.loops" in row]
            self._groups.append(
                ThreadGroupFact(
                    where,
                    values.get("ThreadGroup.num_threads"),
                    values.get("ThreadGroup.ramp_time"),
                    loops[-1] if loops else None,
                    values.get("ThreadGroup.scheduler", "false"),
                    values.get("ThreadGroup.duration"),
                )
            )

    def _collect_code(self, element: ReadElement, where: PlanElement) -> None:
        kinds = [element.kind, *(kind for kind, _ in self._rows)]
        for kind in kinds:
            if kind.startswith(CODE_ELEMENT_PREFIXES):
                self._add(self._code, CodeFact(where, f"{kind} runs code that the plan brings along"))
        if element.values.get("TestPlan.user_define_classpath", "").strip():
            self._add(self._code, CodeFact(where, "the test plan adds jars to JMeter's class path"))
        if element.kind == "IfController" and element.values.get("IfController.useExpression", "").strip() != "true":
            self._add(self._code, CodeFact(where, "the If Controller evaluates its condition as JavaScript"))
        java_class = element.values.get("classname", "").strip()
        if element.kind in {"JavaSampler", "JavaConfig"} and not java_class.startswith("org.apache.jmeter."):
            self._add(self._code, CodeFact(where, f"{element.kind} runs the Java class {java_class or '(none named)'}"))
        for name in sorted(self._objects):
            self._add(self._code, CodeFact(where, f"JMeter would build a Java object of {name[:200]} to open the plan"))
        if element.kind not in STANDARD_ELEMENTS or not (
            element.java_class == element.kind or element.java_class.startswith("org.apache.jmeter.")
        ):
            self._add(self._plugins, PluginFact(where, element.java_class[:200]))

    def _collect_functions(self, where: PlanElement) -> None:
        for function in sorted(self._functions):
            if function in CODE_FUNCTIONS:
                self._add(self._code, CodeFact(where, f"{function} runs a script", function))
            elif function in TEXT_AS_CODE_FUNCTIONS:
                self._add(self._code, CodeFact(where, f"{function} evaluates text made while the test runs", function))
            elif function in FILE_READING_FUNCTIONS:
                self._add(self._files, FileFact(where, FileUse.READ, f"a file named in {function}"))
            elif function in FILE_WRITING_FUNCTIONS:
                self._add(self._files, FileFact(where, FileUse.WRITE, f"a file named in {function}"))
            elif function not in STANDARD_FUNCTIONS:
                self._add(self._plugins, PluginFact(where, function[:200]))

    def _collect_files(self, element: ReadElement, where: PlanElement) -> None:
        for values in (element.values, *(row for _, row in self._rows)):
            for name, use in _FILE_VALUES.items():
                file_name = values.get(name, "").strip()
                if element.kind == "CSVDataSet" and name == "filename":
                    self._add(self._files, FileFact(where, FileUse.CSV_DATA, file_name))
                elif file_name:
                    written = name == "filename" and element.kind.endswith("Collector")
                    self._add(self._files, FileFact(where, FileUse.WRITE if written else use, file_name))

    def _collect_targets(self, element: ReadElement, where: PlanElement) -> None:
        values = element.values
        named = [values[name] for name in _HOST_VALUES if values.get(name, "").strip()]
        for _, row in self._rows:
            named.extend(part for part in row.get("StaticHost.Address", "").split(",") if part.strip())
        for host in named:
            self._targets.add(TargetFact(where, host))
        http = TargetFact(
            where,
            values.get("HTTPSampler.domain", ""),
            values.get("HTTPSampler.protocol", ""),
            values.get("HTTPSampler.port", ""),
            values.get("HTTPSampler.path", ""),
        )
        if element.kind in _HTTP_SAMPLERS:
            self._targets.add_sampler(http)
        elif element.kind == "ConfigTestElement" and values.keys() & _HTTP_VALUES:
            self._targets.add_defaults(http)
        elif not named and _calls_somewhere(element):
            self._targets.add(TargetFact(where, None))

    def _collect_variables(self, element: ReadElement, where: PlanElement) -> None:
        if element.kind in {"TestPlan", "Arguments"} and where.enabled:
            for _, row in self._rows:
                name, value = row.get("Argument.name", ""), row.get("Argument.value", "")
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


def _calls_somewhere(element: ReadElement) -> bool:
    if element.kind in _CALLS_SOMEWHERE:
        return True
    own_code = element.kind.startswith(CODE_ELEMENT_PREFIXES) or element.kind in _CALLS_NOBODY
    return element.kind.endswith("Sampler") and not own_code
