"""S3 behind the KeptObjects port."""

from collections.abc import Iterable, Iterator
from itertools import islice

from botocore.exceptions import BotoCoreError, ClientError

from tandem.adapters.aws.clients import AwsClients
from tandem.domain.errors import StorageUnavailable
from tandem.domain.housekeeping import KeptObject

DELETED_AT_ONCE = 1000
"""What DeleteObjects takes."""


class S3KeptObjects:
    def __init__(self, clients: AwsClients, bucket: str) -> None:
        self._clients = clients
        self._bucket = bucket

    def all(self, prefix: str) -> Iterator[list[KeptObject]]:
        """Every object below a prefix, in pages of up to 1,000. Raises StorageUnavailable."""
        try:
            pages = self._clients.s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            for page in pages:
                yield [KeptObject(each["Key"], each["Size"], each["LastModified"]) for each in page.get("Contents", [])]
        except (BotoCoreError, ClientError) as trouble:
            raise StorageUnavailable("the file store cannot be listed") from trouble

    def delete(self, keys: Iterable[str]) -> None:
        """Raises StorageUnavailable, also when S3 deleted but some."""
        rest = iter(keys)
        while batch := list(islice(rest, DELETED_AT_ONCE)):
            try:
                answer = self._clients.s3.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True}
                )
            except (BotoCoreError, ClientError) as trouble:
                raise StorageUnavailable("the file store deletes nothing now") from trouble
            if refused := answer.get("Errors"):
                raise StorageUnavailable(f"the file store did not delete {len(refused)} objects: {refused[0]}")
