"""S3 behind the ObjectStore port."""

from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from tandem.adapters.aws.clients import AwsClients
from tandem.domain.upload import StorageUnavailable, UploadMissing

CHUNK_BYTES = 256 * 1024


class S3ObjectStore:
    def __init__(self, clients: AwsClients, bucket: str) -> None:
        self._clients = clients
        self._bucket = bucket

    def put(self, key: str, content: bytes, content_type: str) -> None:
        try:
            self._clients.s3.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=content_type)
        except (BotoCoreError, ClientError) as trouble:
            raise StorageUnavailable("the file could not be stored; please try again") from trouble

    def read(self, key: str) -> Iterator[bytes]:
        """The object in pieces of 256 KiB. Raises UploadMissing, StorageUnavailable."""
        client = self._clients.s3
        try:
            body = client.get_object(Bucket=self._bucket, Key=key)["Body"]
            yield from body.iter_chunks(CHUNK_BYTES)
        except client.exceptions.NoSuchKey as missing:
            raise UploadMissing("the uploaded file is gone; please upload it again") from missing
        except (BotoCoreError, ClientError) as trouble:
            raise StorageUnavailable("the uploaded file could not be read; please try again") from trouble
