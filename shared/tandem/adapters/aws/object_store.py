"""S3 behind the ObjectStore port."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tandem.adapters.aws.clients import AwsClients
from tandem.domain.errors import StorageUnavailable
from tandem.domain.upload import SignedUpload, StoredObject, UploadChanged, UploadMissing

CHUNK_BYTES = 256 * 1024

_ABSENT = frozenset({"NoSuchKey", "404", "NotFound"})
_OTHER_VERSION = frozenset({"PreconditionFailed", "412"})


class S3ObjectStore:
    def __init__(self, clients: AwsClients, bucket: str) -> None:
        self._clients = clients
        self._bucket = bucket

    def put(self, key: str, content: bytes, content_type: str) -> None:
        with _wrapped():
            self._clients.s3.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=content_type)

    def read(self, key: str, version: str | None = None) -> Iterator[bytes]:
        """The object in pieces of 256 KiB. Raises UploadMissing, UploadChanged, StorageUnavailable."""
        condition: dict[str, Any] = {} if version is None else {"IfMatch": version}
        with _wrapped():
            body = self._clients.s3.get_object(Bucket=self._bucket, Key=key, **condition)["Body"]
            yield from body.iter_chunks(CHUNK_BYTES)

    def describe(self, key: str) -> StoredObject | None:
        try:
            with _wrapped():
                found = self._clients.s3.head_object(Bucket=self._bucket, Key=key)
        except UploadMissing:
            return None
        return StoredObject(found["ContentLength"], found["ETag"], found["Metadata"])

    def sign_upload(
        self, key: str, size: int, sha256: str | None, labels: Mapping[str, str], seconds: int
    ) -> SignedUpload:
        """S3 itself refuses another size, another SHA-256, or other labels: all are signed headers."""
        signed: dict[str, Any] = {"Bucket": self._bucket, "Key": key, "ContentLength": size, "Metadata": dict(labels)}
        headers = {f"x-amz-meta-{name}": value for name, value in labels.items()} | {"content-length": str(size)}
        if sha256 is not None:
            signed["ChecksumSHA256"] = base64.b64encode(bytes.fromhex(sha256)).decode()
            headers["x-amz-checksum-sha256"] = signed["ChecksumSHA256"]
        with _wrapped():
            url = self._clients.s3.generate_presigned_url("put_object", Params=signed, ExpiresIn=seconds)
        return SignedUpload(url, "PUT", headers)

    def copy(self, source: str, version: str, target: str) -> None:
        with _wrapped():
            self._clients.s3.copy_object(
                Bucket=self._bucket,
                Key=target,
                CopySource={"Bucket": self._bucket, "Key": source},
                CopySourceIfMatch=version,
            )


@contextmanager
def _wrapped() -> Iterator[None]:
    try:
        yield
    except ClientError as trouble:
        code = trouble.response.get("Error", {}).get("Code")
        if code in _ABSENT:
            raise UploadMissing("the uploaded file is not there; please upload it (again)") from trouble
        if code in _OTHER_VERSION:
            raise UploadChanged("the file was sent again meanwhile; please complete the upload again") from trouble
        raise StorageUnavailable("the file store refuses to work; please try again") from trouble
    except BotoCoreError as trouble:
        raise StorageUnavailable("the file store cannot be reached; please try again") from trouble
