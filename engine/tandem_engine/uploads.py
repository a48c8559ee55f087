"""Receiving files: a multipart body parsed as it arrives, straight to disk, under a name that we make."""

import os
import re
import secrets
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from tandem_engine.data_root import DataRoot
from tandem_engine.faults import BadArgument
from tandem_engine.moments import file_stamp, now_ms

_LONGEST_EXTENSION: Final = 30  # bytes
_LONGEST_BASE: Final = 150  # bytes; with stamp and extension well below the 255 that file systems take
_LONGEST_FIELD: Final = 1024
_WRITE_BYTES: Final = 1024 * 1024


class Category(StrEnum):
    """Where an upload goes."""

    TESTPLAN = "testplan"
    DATA = "data"
    MISC = "misc"


_CATEGORY_WORDS: Final = {
    "testplan": Category.TESTPLAN,
    "jmx": Category.TESTPLAN,
    "data": Category.DATA,
    "csv": Category.DATA,
    "misc": Category.MISC,
}


def stored_name(original: str, moment_ms: int, unique: str) -> str:
    """base + ``_yyyyMMdd_HHmmss_`` + 8 hex + extension, from a name that may be hostile; any type will do."""
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", original)[-1])
    base, dot, extension = name.rpartition(".")
    if not dot:
        base, extension = name, ""
    extension = "".join(character for character in extension.lower() if character.isalnum())
    extension = extension.encode("utf-8")[:_LONGEST_EXTENSION].decode("utf-8", errors="ignore") or "bin"
    clean = "".join(character if character.isalnum() or character in "._-" else "_" for character in base)
    clean = clean.encode("utf-8", errors="ignore")[:_LONGEST_BASE].decode("utf-8", errors="ignore").lstrip(".-")
    return f"{clean or 'file'}_{file_stamp(moment_ms)}_{unique}.{extension}"


def directory_of(root: DataRoot, category: Category) -> Path:
    """The directory of a category."""
    return {Category.TESTPLAN: root.testplans, Category.DATA: root.data, Category.MISC: root.misc}[category]


def list_files(root: DataRoot) -> dict[str, list[str]]:
    """Absolute paths of all uploads by category, in order of their names. Raises OSError."""
    return {
        member: sorted(
            str(path)
            for path in directory_of(root, category).iterdir()
            if not path.name.startswith(".") and path.is_file()
        )
        for member, category in (("testplans", Category.TESTPLAN), ("data", Category.DATA), ("misc", Category.MISC))
    }


async def receive_upload(
    root: DataRoot,
    content_type: str,
    body: AsyncIterator[bytes],
    limit: int,
    category: Category | None,
    *,
    keep: bool = True,
) -> dict[str, Any]:
    """Store the ``file`` of a multipart body; answers a FileUploadResult. ``category`` None: the body's field says.

    ``keep`` False: the file is for one run, whose start takes it away.

    Raises BadArgument (no multipart, no or an empty file, a wrong name, over ``limit`` bytes), OSError.
    """
    media_type, options = parse_options_header(content_type)
    if media_type != b"multipart/form-data" or not options.get(b"boundary"):
        raise BadArgument("the body must be multipart/form-data with a field named file")
    aside = root.path / "uploads" / f".{secrets.token_hex(8)}.upload"
    sink = os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644), "wb")
    try:
        with sink:
            form = _Form(sink, limit)
            parser = form.parser(options[b"boundary"])
            waiting = bytearray()
            async for chunk in body:
                waiting += chunk
                if len(waiting) >= _WRITE_BYTES:
                    await run_in_threadpool(_feed, parser, bytes(waiting))
                    waiting.clear()
            await run_in_threadpool(_feed, parser, bytes(waiting))
            await run_in_threadpool(_finish, parser, sink)
        if not form.ended:
            raise BadArgument("the multipart body is cut off")
        return await run_in_threadpool(_store, root, form, aside, category, keep)
    finally:
        aside.unlink(missing_ok=True)


def _feed(parser: MultipartParser, data: bytes) -> None:
    try:
        parser.write(data)
    except FormParserError as fault:
        raise BadArgument(f"the multipart body cannot be read: {fault}") from fault


def _finish(parser: MultipartParser, sink: BinaryIO) -> None:
    parser.finalize()
    sink.flush()
    os.fsync(sink.fileno())


def _store(root: DataRoot, form: "_Form", aside: Path, category: Category | None, keep: bool) -> dict[str, Any]:
    if form.file_name is None:
        raise BadArgument("file is required: a multipart field named file, with a file name")
    if category is None:
        word = form.category.decode("utf-8", errors="replace").strip() or Category.MISC
        category = _CATEGORY_WORDS.get(word.lower())
        if category is None:
            raise BadArgument(f"category must be one of {', '.join(_CATEGORY_WORDS)}")
    moment = now_ms()
    name = stored_name(form.file_name, moment, secrets.token_hex(4))
    extension = name.rpartition(".")[2]
    if category is Category.TESTPLAN and extension != "jmx":
        raise BadArgument("file must be a test plan whose name ends in .jmx")
    if form.size == 0:
        raise BadArgument("file is empty")
    path = (directory_of(root, category) if keep else root.once) / name
    aside.rename(path)
    return {
        "fileName": name,
        "originalFileName": form.file_name,
        "fileType": extension,
        "fileSize": form.size,
        "uploadPath": str(path),
        "accessUrl": f"/uploads/{path.parent.name}/{name}",
        "uploadTime": moment,
    }


@dataclass(slots=True)
class _Part:
    name: bytes = b""
    is_file: bool = False


class _Form:
    """Takes the parser's callbacks: the first part named ``file`` goes to the sink, ``category`` is kept."""

    def __init__(self, sink: BinaryIO, limit: int) -> None:
        self.file_name: str | None = None
        self.size = 0
        self.category = b""
        self.ended = False
        self._sink = sink
        self._limit = limit
        self._part = _Part()
        self._header_name = b""
        self._header_value = b""

    def parser(self, boundary: bytes) -> MultipartParser:
        """A parser that calls us. Raises BadArgument for a boundary that cannot be one."""
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_part_data": self._take,
                    "on_header_field": self._take_header_name,
                    "on_header_value": self._take_header_value,
                    "on_header_end": self._end_header,
                    "on_end": self._end,
                },
            )
        except FormParserError as fault:
            raise BadArgument(f"the multipart boundary cannot be used: {fault}") from fault

    def _begin_part(self) -> None:
        self._part = _Part()

    def _take_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _take_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            _, options = parse_options_header(self._header_value)
            name = options.get(b"name", b"")
            file_name = options.get(b"filename", b"").decode("utf-8", errors="replace")
            takes_file = name == b"file" and self.file_name is None and bool(file_name)
            self._part = _Part(name, takes_file)
            if takes_file:
                self.file_name = file_name
        self._header_name = self._header_value = b""

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._part.is_file:
            self.size += end - start
            if self.size > self._limit:
                raise BadArgument(f"file is larger than {self._limit} bytes")
            self._sink.write(data[start:end])
        elif self._part.name == b"category":
            self.category = (self.category + data[start:end])[:_LONGEST_FIELD]

    def _end(self) -> None:
        self.ended = True
