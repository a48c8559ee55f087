"""Parameters and views of load-test definitions."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from tandem.domain import definition_rules as rules
from tandem.domain.definition import (
    SET_UP_LIMIT_SEC,
    TEAR_DOWN_LIMIT_SEC,
    EngineType,
    Entry,
    LoadTestDefinition,
    UrlCase,
)
from tandem.domain.errors import FieldFault
from tandem.domain.heap_size import heap_size_fault
from tandem.domain.paging import Page
from tandem.domain.ports import DefinitionFilter
from tandem.domain.preflight_report import Severity
from tandem.domain.url_plan import HTTP_METHODS
from tandem.rest.app import Answer
from tandem.rest.changes import with_defaults
from tandem.rest.paging import Paged, PageView, page_fields
from tandem.rest.parameters import Document, Identifier, NotNull, Parameters, Part, Structure, Text, Whole, located
from tandem.rest.uploads import PreflightView
from tandem.rest.views import Moment

MAX_SECONDS = 86_400


def _rule(fault_of: Callable[[str], str | None]) -> AfterValidator:
    def check(value: str) -> str:
        fault = fault_of(value)
        if fault is not None:
            raise ValueError(fault)
        return value

    return AfterValidator(check)


def _good_loops(value: int) -> int:
    fault = rules.loops_fault(value)
    if fault is not None:
        raise ValueError(fault)
    return value


def _good_properties(value: dict[str, str]) -> dict[str, str]:
    faults = rules.property_faults(value)
    if faults:
        raise located(FieldFault(fault.field.partition(".")[2], fault.message) for fault in faults)
    return value


Name = Annotated[
    Text,
    Field(min_length=1, max_length=255, description="Unique among the live definitions of a user in a namespace."),
    _rule(rules.name_fault),
]
Endpoint = Annotated[
    Text,
    Field(min_length=1, max_length=1024, description="The system under test: http(s)://host[:port][/path]."),
    _rule(rules.endpoint_fault),
]
ContentRef = Annotated[
    Text,
    Field(
        min_length=1,
        max_length=1024,
        description="The uploadPath of a plan, or the path of a plan that already is on the engine.",
    ),
    _rule(rules.content_ref_fault),
]
HeapSize = Annotated[Text, Field(max_length=10, description="Such as 512m."), _rule(heap_size_fault)]
Threads = Annotated[Whole, Field(ge=1, le=100_000)]
RampUp = Annotated[Whole, Field(ge=0, le=MAX_SECONDS, description="Seconds.")]
Loops = Annotated[
    Whole,
    Field(ge=-1, le=2_147_483_647, description="null or -1: until the duration ends."),
    AfterValidator(_good_loops),
]
Properties = Annotated[
    dict[str, Annotated[Text, Field(max_length=4096)]],
    Field(max_length=200, description="Each becomes -Jname=value."),
    Structure,
    AfterValidator(_good_properties),
]
DataFiles = Annotated[
    list[Annotated[Text, Field(min_length=1, max_length=1024)]],
    Field(max_length=50, description="The uploadPath of each data file that the plan reads."),
    Structure,
]


RespectLoops = Annotated[
    bool,
    Field(description="Let finite loops of the plan end the load before its duration; else the engine repeats them."),
]
SetUpLimit = Annotated[
    Whole,
    Field(
        ge=1,
        le=MAX_SECONDS,
        description="Seconds within which, behind setUp groups, the load must begin to send; else it is FAILED.",
    ),
]
TearDownLimit = Annotated[
    Whole,
    Field(ge=0, le=3600, description="Seconds that tearDown groups have behind the load, also when it is stopped."),
]

SubResults = Annotated[
    bool,
    Field(description="Show redirects and embedded resources as labels of their own; they are in no total."),
]


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


class UrlCaseFields(Part):
    """One HTTP request that is repeated."""

    method: Annotated[Text, Field(max_length=16, description=", ".join(HTTP_METHODS)), BeforeValidator(_upper)] = "GET"
    path: Annotated[Text, Field(max_length=8192)] = "/"
    headers: Annotated[
        dict[Annotated[Text, Field(max_length=256)], Annotated[Text, Field(max_length=8192)]], Field(max_length=100)
    ] = Field(default_factory=dict)
    body: Annotated[Text, Field(max_length=1_000_000)] | None = None

    @property
    def case(self) -> UrlCase:
        return UrlCase(self.method, self.path, self.headers, self.body)


def _good_case(value: UrlCaseFields) -> UrlCaseFields:
    faults = rules.url_case_faults(value.case)
    if faults:
        raise located(FieldFault(fault.field.removeprefix("urlCase."), fault.message) for fault in faults)
    return value


UrlCaseField = Annotated[UrlCaseFields, Structure, AfterValidator(_good_case)]


class NewDefinition(Parameters):
    """A definition to be created."""

    name: Name
    endpoint: Endpoint
    entry: Entry
    engine_type: EngineType = EngineType.JMETER
    content_ref: ContentRef | None = Field(default=None, validate_default=True)
    url_case: UrlCaseField | None = Field(default=None, validate_default=True)
    threads: Threads = 1
    ramp_up: RampUp = 0
    loops: Loops | None = None
    heap_size: HeapSize | None = None
    properties: Properties = Field(default_factory=dict)
    data_files: DataFiles = Field(default_factory=list)
    respect_loops: RespectLoops = False
    set_up_limit_sec: SetUpLimit = SET_UP_LIMIT_SEC
    tear_down_limit_sec: TearDownLimit = TEAR_DOWN_LIMIT_SEC
    sub_results: SubResults = False

    @field_validator("content_ref", "url_case")
    @classmethod
    def _content_is_there(cls, value: object, info: ValidationInfo) -> object:
        """The rule over two fields, checked at the second one, so that it is told together with every other fault."""
        entry = info.data.get("entry")
        needed = {"content_ref": Entry.JMX, "url_case": Entry.URL}[info.field_name or ""]
        if value is None and entry is needed:
            raise ValueError(rules.missing_content_faults(entry, None, None)[0].message)
        return value

    @field_validator("data_files")
    @classmethod
    def _data_files_go_with_the_plan(cls, value: list[str], info: ValidationInfo) -> list[str]:
        if "entry" in info.data and "content_ref" in info.data:
            faults = rules.data_file_faults(info.data["entry"], info.data["content_ref"], tuple(value))
            if faults:
                raise located(FieldFault(fault.field.partition(".")[2], fault.message) for fault in faults)
        return value

    @property
    def content(self) -> dict[str, Any]:
        """The fields of the domain's definition that the caller gives."""
        return {
            "name": self.name,
            "endpoint": self.endpoint,
            "entry": self.entry,
            "engine_type": self.engine_type,
            "content_ref": self.content_ref,
            "url_case": None if self.url_case is None else self.url_case.case,
            "threads": self.threads,
            "ramp_up": self.ramp_up,
            "loops": self.loops,
            "heap_size": self.heap_size,
            "properties": self.properties,
            "data_files": tuple(self.data_files),
            "respect_loops": self.respect_loops,
            "set_up_limit_sec": self.set_up_limit_sec,
            "tear_down_limit_sec": self.tear_down_limit_sec,
            "sub_results": self.sub_results,
        }


class DefinitionById(Parameters):
    """A definition by its id."""

    synonyms: ClassVar[Mapping[str, str]] = {"definitionId": "id"}

    id: Annotated[Identifier, Field(description="The definition's id; definitionId says the same.")]


class DefinitionChange(DefinitionById):
    """Fields of a definition to be changed: only those that are sent; null puts an optional one back."""

    null_clears: ClassVar[bool] = True

    name: Annotated[Name | None, NotNull] = None
    endpoint: Annotated[Endpoint | None, NotNull] = None
    entry: Annotated[Entry | None, NotNull] = None
    engine_type: EngineType | None = None
    content_ref: ContentRef | None = None
    url_case: UrlCaseField | None = None
    threads: Threads | None = None
    ramp_up: RampUp | None = None
    loops: Loops | None = None
    heap_size: HeapSize | None = None
    properties: Properties | None = None
    data_files: DataFiles | None = None
    respect_loops: RespectLoops | None = None
    set_up_limit_sec: SetUpLimit | None = None
    tear_down_limit_sec: TearDownLimit | None = None
    sub_results: SubResults | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """The domain's fields that change, with their new values."""
        sent = {name: getattr(self, name) for name in self.model_fields_set - {"id", "namespace"}}
        if self.url_case is not None:
            sent["url_case"] = self.url_case.case
        if self.data_files is not None:
            sent["data_files"] = tuple(self.data_files)
        return with_defaults(LoadTestDefinition, sent)


class DefinitionQuery(Paged):
    """Which definitions to list."""

    name: Annotated[Text, Field(max_length=255, description="A part of the name, compared exactly.")] | None = None
    entry: Entry | None = None
    engine_type: EngineType | None = None

    @property
    def wanted(self) -> DefinitionFilter:
        return DefinitionFilter(self.name, self.entry, self.engine_type)


class UrlCaseView(Document):
    """The request of a definition with ``entry`` URL."""

    method: str
    path: str
    headers: dict[str, str]
    body: str | None


class DefinitionView(Document):
    """A load-test definition. ``preflightStatus``: the gravest of what the preflight found when it was last changed."""

    id: str
    name: str
    engine_type: EngineType
    endpoint: str
    entry: Entry
    content_ref: str | None
    url_case: UrlCaseView | None
    threads: int
    ramp_up: int
    loops: int | None
    heap_size: str | None
    properties: dict[str, str]
    data_files: list[str]
    preflight_status: Severity | None
    respect_loops: bool
    set_up_limit_sec: int
    tear_down_limit_sec: int
    sub_results: bool
    created_by: str
    created_at: Moment
    updated_at: Moment

    @classmethod
    def of(cls, definition: LoadTestDefinition) -> "DefinitionView":
        case = definition.url_case
        return cls.model_construct(
            id=definition.definition_id,
            name=definition.name,
            engine_type=definition.engine_type,
            endpoint=definition.endpoint,
            entry=definition.entry,
            content_ref=definition.content_ref,
            url_case=None
            if case is None
            else UrlCaseView(method=case.method, path=case.path, headers=dict(case.headers), body=case.body),
            threads=definition.threads,
            ramp_up=definition.ramp_up,
            loops=definition.loops,
            heap_size=definition.heap_size,
            properties=dict(definition.properties),
            data_files=list(definition.data_files),
            preflight_status=None if definition.preflight is None else definition.preflight.status,
            respect_loops=definition.respect_loops,
            set_up_limit_sec=definition.set_up_limit_sec,
            tear_down_limit_sec=definition.tear_down_limit_sec,
            sub_results=definition.sub_results,
            created_by=definition.created_by,
            created_at=definition.created_at,
            updated_at=definition.updated_at,
        )


class DefinitionDetails(DefinitionView):
    """A definition with all that the preflight found when it was made or last changed; null: it is older than that."""

    preflight: PreflightView | None

    @classmethod
    def of(cls, definition: LoadTestDefinition) -> "DefinitionDetails":
        report = definition.preflight
        return cls.model_construct(
            **dict(DefinitionView.of(definition)), preflight=None if report is None else PreflightView.of(report)
        )


class CreatedDefinition(Answer):
    """The new definition's id, and beside it what the preflight found."""

    result: str
    preflight: PreflightView | None

    @classmethod
    def of(cls, definition: LoadTestDefinition) -> "CreatedDefinition":
        report = definition.preflight
        return cls(result=definition.definition_id, preflight=None if report is None else PreflightView.of(report))


class DefinitionPage(PageView[DefinitionView]):
    """A page of definitions."""

    @classmethod
    def of(cls, page: Page[LoadTestDefinition]) -> "DefinitionPage":
        return cls(**page_fields(page), data=[DefinitionView.of(definition) for definition in page.items])
