"""S3 behind the RunArchive port: ``archive/<task id>/<file>``."""

import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from tandem.adapters.aws.clients import AwsClients
from tandem.domain.archive import LINK_SECONDS, ArchivedFile, ArchivedRun, ArchivePart, RunFigures
from tandem.domain.errors import StorageUnavailable
from tandem.domain.timestamps import iso_utc
from tandem.telemetry import LogEvent, warn

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PREFIX = "archive/"
PIECE_BYTES = 8 * 1024 * 1024
"""Above S3's least of 5 MiB for a part; 10,000 of them are 78 GiB."""

_CHUNK_BYTES = 256 * 1024
_ANALYSIS = ArchivedFile(ArchivePart.ANALYSIS)
_FORMAT = 2
"""Counts up when the documents in it change, so that kept ones of an earlier version are analysed anew."""
_ABSENT = frozenset({"NoSuchKey", "404", "NotFound"})


class S3RunArchive:
    def __init__(self, clients: AwsClients, bucket: str) -> None:
        self._clients = clients
        self._bucket = bucket

    def read(self, task_id: str) -> ArchivedRun | None:
        """None as well for a document of another format: the run is then analysed anew."""
        try:
            with _wrapped():
                body = self._clients.s3.get_object(Bucket=self._bucket, Key=_key(task_id, _ANALYSIS))["Body"]
                text = body.read()
        except _Absent:
            return None
        try:
            return _archived(json.loads(text))
        except (ValueError, KeyError, TypeError) as fault:
            warn(LogEvent.ARCHIVE_NOT_UNDERSTOOD, task_id=task_id, reason=f"{type(fault).__name__}: {fault}")
            return None

    def write(self, task_id: str, kept: ArchivedRun) -> None:
        with _wrapped():
            self._clients.s3.put_object(
                Bucket=self._bucket,
                Key=_key(task_id, _ANALYSIS),
                Body=_text(kept),
                ContentType=_ANALYSIS.part.content_type,
            )

    def holds(self, task_id: str, file: ArchivedFile) -> bool:
        try:
            with _wrapped():
                self._clients.s3.head_object(Bucket=self._bucket, Key=_key(task_id, file))
        except _Absent:
            return False
        return True

    def put(self, task_id: str, file: ArchivedFile, content: Iterable[bytes]) -> None:
        """In one request when it fits into a piece; else in several, of which S3 makes one object at the end."""
        where: dict[str, Any] = {"Bucket": self._bucket, "Key": _key(task_id, file)}
        pieces = _pieces(_packed(content) if file.part is ArchivePart.RESULTS else content)
        first, second = next(pieces, b""), next(pieces, None)
        with _wrapped():
            if second is None:
                self._clients.s3.put_object(**where, Body=first, ContentType=file.part.content_type)
                return
            where["UploadId"] = self._clients.s3.create_multipart_upload(**where, ContentType=file.part.content_type)[
                "UploadId"
            ]
        try:
            done: list[CompletedPartTypeDef] = []
            for number, piece in enumerate(_all(first, second, pieces), start=1):
                with _wrapped():
                    tag = self._clients.s3.upload_part(**where, PartNumber=number, Body=piece)["ETag"]
                done.append({"PartNumber": number, "ETag": tag})
            with _wrapped():
                self._clients.s3.complete_multipart_upload(**where, MultipartUpload={"Parts": done})
        except BaseException:
            # What is left of it costs money; should this fail too, the bucket's lifecycle removes it.
            try:
                self._clients.s3.abort_multipart_upload(**where)
            except (BotoCoreError, ClientError) as trouble:
                warn(LogEvent.ARCHIVE_LEFTOVER, task_id=task_id, reason=str(trouble))
            raise

    def samples(self, task_id: str, number: int) -> Iterator[bytes] | None:
        try:
            with _wrapped():
                key = _key(task_id, ArchivedFile(ArchivePart.RESULTS, number))
                body = self._clients.s3.get_object(Bucket=self._bucket, Key=key)["Body"]
        except _Absent:
            return None
        return _unpacked(body.iter_chunks(_CHUNK_BYTES))

    def link(self, task_id: str, file: ArchivedFile, saved_as: str) -> str:
        with _wrapped():
            return self._clients.s3.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self._bucket,
                    "Key": _key(task_id, file),
                    "ResponseContentDisposition": f'attachment; filename="{saved_as}"',
                    "ResponseContentType": file.part.content_type,
                },
                ExpiresIn=LINK_SECONDS,
            )


class _Absent(Exception):
    """There is no such object."""


@contextmanager
def _wrapped() -> Iterator[None]:
    try:
        yield
    except ClientError as trouble:
        if trouble.response.get("Error", {}).get("Code") in _ABSENT:
            raise _Absent from trouble
        raise StorageUnavailable("the archive refuses to work; please try again") from trouble
    except BotoCoreError as trouble:
        raise StorageUnavailable("the archive cannot be reached; please try again") from trouble


def _key(task_id: str, file: ArchivedFile) -> str:
    return f"{PREFIX}{task_id}/{file.name}"


def _packed(content: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(level=6, wbits=31)
    for chunk in content:
        yield packer.compress(chunk)
    yield packer.flush()


def _unpacked(content: Iterable[bytes]) -> Iterator[bytes]:
    """Bounded: a chunk of a well packed file unpacks to a thousand times its size. Raises StorageUnavailable."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        with _wrapped():
            for chunk in content:
                rest = chunk
                while rest:
                    yield unpacker.decompress(rest, _CHUNK_BYTES)
                    rest = unpacker.unconsumed_tail
        yield unpacker.flush()
    except zlib.error as trouble:
        raise StorageUnavailable("the kept result file is damaged") from trouble


def _pieces(content: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of PIECE_BYTES, the last one shorter; none for no bytes."""
    held = bytearray()
    for chunk in content:
        held += chunk
        while len(held) >= PIECE_BYTES:
            yield bytes(held[:PIECE_BYTES])
            del held[:PIECE_BYTES]
    if held:
        yield bytes(held)


def _all(first: bytes, second: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield second
    yield from rest


def _text(kept: ArchivedRun) -> bytes:
    figures = kept.figures
    document = {
        "format": _FORMAT,
        "archivedAt": iso_utc(kept.archived_at),
        "facts": kept.facts,
        "parts": sorted(file.name for file in kept.files),
        "results": figures.results,
        "timeseries": figures.timeseries,
        "verdict": figures.verdict,
        "missing": figures.missing,
        "missingParts": list(figures.missing_parts),
        "comparison": figures.comparison,
        "events": list(kept.events),
        "resultUrl": kept.result_url,
        "reportUrl": kept.report_url,
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


def _archived(document: Any) -> ArchivedRun:
    """Raises ValueError, KeyError, TypeError when it is not as ``_text`` writes it."""
    if document["format"] != _FORMAT:
        raise ValueError(f"its format is {document['format']}")
    return ArchivedRun(
        archived_at=datetime.fromisoformat(document["archivedAt"]),
        facts=document["facts"],
        files=frozenset(map(ArchivedFile.named, document["parts"])),
        figures=RunFigures(
            **{name: document[name] for name in ("results", "timeseries", "verdict", "missing", "comparison")},
            missing_parts=tuple(document.get("missingParts", ())),
        ),
        events=document["events"],
        result_url=document["resultUrl"],
        report_url=document["reportUrl"],
    )
