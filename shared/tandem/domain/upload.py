"""A file that a user gave us: a test plan or a data file."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from tandem.domain.errors import Conflict, FieldFault, InvalidValue, NotFound
from tandem.domain.file_name import clean_file_name, has_plan_extension
from tandem.domain.identity import Owner

UPLOAD_SCHEME = "tandem://uploads/"
"""What an upload's path begins with; a ``contentRef`` without it is a path that already is on the engine."""

MAX_ORIGINAL_NAME = 255


class UploadKind(StrEnum):
    PLAN = "PLAN"
    DATA = "DATA"


class UploadMissing(NotFound):
    """The upload is registered, but its content is gone."""

    code = "UPLOAD_NOT_FOUND"


class UploadChanged(Conflict):
    """The file was sent again while it was being looked at."""

    code = "UPLOAD_CHANGED"


@dataclass(frozen=True, slots=True)
class FileNames:
    """A file's name as the user sent it, without folders, and as it is stored."""

    original: str
    stored: str


def check_file_name(name: str, kind: UploadKind, field: str = "file") -> FileNames:
    """Raises InvalidValue when the name is no name, is too long, or is none of a plan where a plan is sent."""
    stored = clean_file_name(name, field)
    original = name.replace("\\", "/").rpartition("/")[2]
    if len(original) > MAX_ORIGINAL_NAME:
        raise InvalidValue(
            "The file's name is too long.", [FieldFault(field, f"must have a name of at most {MAX_ORIGINAL_NAME}")]
        )
    if kind is UploadKind.PLAN and not has_plan_extension(stored):
        raise InvalidValue("The file is no test plan by its name.", [FieldFault(field, "must end in .jmx")])
    return FileNames("".join(c for c in original if c.isprintable()), stored)


_TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".json", ".properties", ".groovy", ".bsh", ".js")


def content_type_of(kind: UploadKind, file_name: str) -> str:
    """The media type under which a file is stored."""
    name = file_name.lower()
    if kind is UploadKind.PLAN or name.endswith((".xml", ".jmx")):
        return "application/xml"
    return "text/plain" if name.endswith(_TEXT_ENDINGS) else "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Upload:
    """``size`` is in bytes. ``path`` is what ``contentRef`` and ``dataFiles`` take."""

    upload_id: str
    owner: Owner
    kind: UploadKind
    file_name: str
    original_file_name: str
    size: int
    sha256: str
    created_at: datetime

    @property
    def path(self) -> str:
        return f"{UPLOAD_SCHEME}{self.upload_id}/{self.file_name}"

    @property
    def object_key(self) -> str:
        """Where the content lies in the object store."""
        return f"uploads/{self.upload_id}/{self.file_name}"

    @property
    def incoming_key(self) -> str:
        """Where a file lies that the user sends to the store itself, until we have looked at it."""
        return f"incoming/{self.upload_id}/{self.file_name}"


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """A file of an archive; ``name`` with its folders."""

    name: str
    content: bytes


class UnpackArchive(Protocol):
    """Raises InvalidValue naming the field, or TooLarge."""

    def __call__(self, content: bytes, field: str) -> list[ArchivedFile]: ...


def plan_of(files: Sequence[ArchivedFile], field: str) -> ArchivedFile:
    """The plan among an archive's files: the only one, or the only one that lies in no folder below the others.

    Raises InvalidValue.
    """
    plans = [file for file in files if has_plan_extension(file.name)]
    top = min((file.name.count("/") for file in plans), default=0)
    highest = [file for file in plans if file.name.count("/") == top]
    if len(highest) == 1:
        return highest[0]
    found = ", ".join(file.name[:100] for file in highest[:5]) or "none"
    message = f"must hold one plan (.jmx) on top, the others in folders below; found: {found}"
    raise InvalidValue("The archive is refused.", [FieldFault(field, message)])


def is_archive(name: str) -> bool:
    """Whether a file is an archive of a plan and its files, by its name."""
    return name.lower().endswith(".zip")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """``size`` in bytes; ``version`` changes with the content; ``labels`` are what the upload was signed with."""

    size: int
    version: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SignedUpload:
    """A request that the user may send to the store: these headers belong to it, or it is refused."""

    url: str
    method: str
    headers: Mapping[str, str]


def owner_label(owner: Owner) -> str:
    """Whose an object is, in a form that any store can keep beside it and that tells nobody who it is."""
    return hashlib.sha256(json.dumps([owner.user_id, owner.namespace]).encode()).hexdigest()


def kind_of(file_name: str) -> UploadKind:
    """What a file is by its name."""
    return UploadKind.PLAN if has_plan_extension(file_name) else UploadKind.DATA


def split_path(upload_path: str) -> tuple[str, str] | None:
    """The id and the file name in ``tandem://uploads/<id>/<name>``; None when it is no such path."""
    upload_id, _, file_name = upload_path.removeprefix(UPLOAD_SCHEME).partition("/")
    good = upload_path.startswith(UPLOAD_SCHEME) and upload_id and file_name and "/" not in file_name
    return (upload_id, file_name) if good else None
