"""What a definition must be to be run: rules that hold for a new one and for one that was changed alike."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from tandem.domain.definition import Entry, LoadTestDefinition, UrlCase, endpoint_properties
from tandem.domain.errors import FieldFault, InvalidValue
from tandem.domain.heap_size import heap_size_fault
from tandem.domain.target import canonical_host
from tandem.domain.upload import UPLOAD_SCHEME
from tandem.domain.url_plan import UrlPlan
from tandem.domain.xml_characters import first_illegal_character

_PROPERTY_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


def name_fault(name: str) -> str | None:
    """What is wrong with a name. Blanks around it are refused: MySQL compares without those at the end."""
    if not name.strip():
        return "must not be blank"
    if name != name.strip():
        return "must not begin or end with white space"
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in name):
        return "must not contain control characters or line breaks"
    illegal = first_illegal_character(name)
    return None if illegal is None else f"contains the character {illegal}, which a test plan cannot hold"


def endpoint_fault(endpoint: str) -> str | None:
    """What is wrong with the address of the system under test."""
    if re.search(r"[\s\\\x00-\x1f\x7f-\x9f]", endpoint) or first_illegal_character(endpoint) is not None:
        return "must be http(s)://host[:port][/path], without white space, backslashes or control characters"
    try:
        host = canonical_host(endpoint_properties(endpoint)["host"])
        port = urlsplit(endpoint).port
    except ValueError as fault:
        return f"must be http(s)://host[:port][/path]: {fault}"
    if host is None:
        return "must be http(s)://host[:port][/path] with a host name or an address"
    return "must not have the port 0" if port == 0 else None


def property_faults(properties: Mapping[str, str]) -> list[FieldFault]:
    """What is wrong with properties: each reaches JMeter as one argument ``-Jname=value``."""
    faults = []
    for name, value in properties.items():
        if not _PROPERTY_NAME.fullmatch(name):
            message = f"{name[:200]!r} is no property name: letters, digits, dots, - and _ are allowed, 128 at most"
            faults.append(FieldFault("properties", message))
        elif any(ord(character) < 32 and character != "\t" for character in value):
            faults.append(FieldFault(f"properties.{name}", "must not contain control characters or line breaks"))
    return faults


def loops_fault(loops: int | None) -> str | None:
    """What is wrong with a loop count."""
    good = loops is None or loops == -1 or loops >= 1
    return None if good else "must be 1 or more, or -1 or null for until the duration ends"


def content_ref_fault(content_ref: str) -> str | None:
    """What is wrong with a reference to a plan."""
    if not content_ref.strip():
        return "must not be blank"
    if any(ord(character) < 32 or ord(character) == 127 for character in content_ref):
        return "must not contain control characters"
    return None


def url_case_faults(case: UrlCase) -> list[FieldFault]:
    """What is wrong with the request that is repeated; fields are named from ``urlCase`` on."""
    try:
        UrlPlan(name="plan", endpoint="http://host", case=case)
    except InvalidValue as wrong:
        return list(wrong.details)
    return []


def missing_content_faults(entry: Entry, content_ref: str | None, url_case: UrlCase | None) -> list[FieldFault]:
    """What the kind of entry needs and lacks. What it does not need is kept and not used."""
    if entry is Entry.JMX and content_ref is None:
        return [FieldFault("contentRef", "is required when entry is JMX: the uploadPath of a plan, or its path there")]
    if entry is Entry.URL and url_case is None:
        return [FieldFault("urlCase", "is required when entry is URL")]
    return []


def data_file_faults(entry: Entry, content_ref: str | None, data_files: tuple[str, ...]) -> list[FieldFault]:
    """What is wrong with the list of data files: they are linked into a plan that is stored with us."""
    if not data_files:
        return []
    faults = [
        FieldFault(f"dataFiles.{index}", f"must be the uploadPath of a data file, {UPLOAD_SCHEME}...")
        for index, path in enumerate(data_files)
        if not path.startswith(UPLOAD_SCHEME)
    ]
    if len(set(data_files)) != len(data_files):
        faults.append(FieldFault("dataFiles", "must not name a file twice"))
    if entry is Entry.URL or (content_ref is not None and not content_ref.startswith(UPLOAD_SCHEME)):
        faults.append(FieldFault("dataFiles", "can only go with a plan that was uploaded (entry JMX)"))
    return faults


def definition_faults(definition: LoadTestDefinition) -> list[FieldFault]:
    """Every rule, over a whole definition."""
    single = {
        "name": name_fault(definition.name),
        "endpoint": endpoint_fault(definition.endpoint),
        "contentRef": None if definition.content_ref is None else content_ref_fault(definition.content_ref),
        "loops": loops_fault(definition.loops),
        "heapSize": None if definition.heap_size is None else heap_size_fault(definition.heap_size),
    }
    return [
        *(FieldFault(field, message) for field, message in single.items() if message is not None),
        *missing_content_faults(definition.entry, definition.content_ref, definition.url_case),
        *([] if definition.url_case is None else url_case_faults(definition.url_case)),
        *property_faults(definition.properties),
        *data_file_faults(definition.entry, definition.content_ref, tuple(definition.data_files)),
    ]
