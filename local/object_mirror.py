"""Keeps S3 objects over a restart: each is a file under `.tandem/s3/<bucket>/`, written when moto stores it.

They do not grow for ever: what a life-cycle rule of the bucket would delete on AWS is deleted here, and of that kind no
more is kept than MOST_BYTES, since all of it lies in memory too.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import logging
import os
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from moto.s3.exceptions import MissingBucket, MissingKey
from moto.s3.models import FakeKey, S3Backend, s3_backends

from local.replacements import Replacements
from local.resolve import ACCOUNT_ID
from local.template import Bucket

_log = logging.getLogger(__name__)

_SUFFIX = ".object"
MOST_BYTES = 2 * 1024**3


class _Kept(NamedTuple):
    """One object that a rule may delete: when it was last changed, where, and its size."""

    at: dt.datetime
    bucket: str
    key: str
    size: int


class ObjectMirror:
    """One file for each object: a first line of JSON (key, headers, time of last change), then the content.

    The file's name is a digest of the key, since a key may be longer than a file name, hold `..`, or be both a file
    and a directory to a file system. A file is whole or not there: it is written aside and renamed.
    """

    def __init__(self, directory: Path, buckets: Iterable[Bucket]) -> None:
        self._directory = directory
        self._expirations = {bucket.name: bucket.expirations for bucket in buckets}
        self._buckets = list(self._expirations)
        self._lock = threading.Lock()

    def load(self) -> None:
        """Puts every kept object of the template's buckets into moto; a damaged file is named and left alone."""
        for bucket in self._buckets:
            for file in sorted((self._directory / bucket).glob(f"*{_SUFFIX}")):
                try:
                    head, content = file.read_bytes().split(b"\n", 1)
                    description = json.loads(head)
                    key = s3_backends[ACCOUNT_ID]["aws"].put_object(bucket, description["key"], content)
                    key.set_metadata(description["metadata"])
                    key.last_modified = dt.datetime.fromisoformat(description["lastModified"])
                except (OSError, ValueError, KeyError) as exc:
                    _log.warning("%s is no kept object: %s", file, exc)

    def follow(self, replacements: Replacements) -> None:
        """From now on, stores and deletes with moto. An S3 call that cannot be kept fails."""
        delete_object = S3Backend.delete_object
        set_metadata = FakeKey.set_metadata

        def set_and_keep(key: Any, *args: Any, **options: Any) -> None:
            # Each of moto's ways to store an object (put, post, copy, multipart) ends with this, before it answers.
            set_metadata(key, *args, **options)
            self._keep(key)

        def delete_and_forget(backend: Any, bucket_name: str, key_name: str, *args: Any, **options: Any) -> Any:
            answer = delete_object(backend, bucket_name, key_name, *args, **options)
            if bucket_name in self._buckets:
                self._file(bucket_name, key_name).unlink(missing_ok=True)
            return answer

        replacements.replace(FakeKey, "set_metadata", set_and_keep)
        replacements.replace(S3Backend, "delete_object", delete_and_forget)

    def expire(self, now: dt.datetime, most_bytes: int = MOST_BYTES) -> int:
        """Deletes what is past its life-cycle rule and, of the objects under such rules, the oldest beyond the bound;
        says how many that were.
        """
        doomed, kept_bytes = list[_Kept](), 0
        for each in sorted(self._under_rules(), reverse=True):
            kept_bytes += each.size
            if kept_bytes > most_bytes or now - each.at > self._longest(each):
                doomed.append(each)
        for each in doomed:
            # Deleted by somebody else meanwhile: just as well.
            with contextlib.suppress(MissingBucket, MissingKey):
                s3_backends[ACCOUNT_ID]["aws"].delete_object(each.bucket, each.key)
        if doomed:
            _log.info("%d old objects of the local S3 are deleted", len(doomed))
        return len(doomed)

    def _under_rules(self) -> Iterator[_Kept]:
        for bucket, rules in self._expirations.items():
            stored = s3_backends[ACCOUNT_ID]["aws"].buckets.get(bucket)
            for name, key in [] if stored is None else list(stored.keys.items()):
                if any(name.startswith(prefix) for prefix in rules):
                    at = key.last_modified
                    yield _Kept(at if at.tzinfo else at.replace(tzinfo=dt.UTC), bucket, name, int(key.size))

    def _longest(self, kept: _Kept) -> dt.timedelta:
        rules = self._expirations[kept.bucket].items()
        return dt.timedelta(days=min(days for prefix, days in rules if kept.key.startswith(prefix)))

    def _file(self, bucket: str, key: str) -> Path:
        return self._directory / bucket / (hashlib.sha256(key.encode()).hexdigest() + _SUFFIX)

    def _keep(self, key: Any) -> None:
        if key.bucket_name not in self._buckets:
            return
        description = {
            "key": key.name,
            "metadata": dict(key.metadata),
            "lastModified": key.last_modified.isoformat(),
        }
        target = self._file(key.bucket_name, key.name)
        with self._lock:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=".")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(json.dumps(description).encode() + b"\n" + key.value)
                Path(name).replace(target)
            except OSError:
                Path(name).unlink(missing_ok=True)
                raise
