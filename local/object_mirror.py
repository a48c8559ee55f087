"""Keeps S3 objects over a restart: each is a file under `.tandem/s3/<bucket>/`, written when moto stores it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import os
import tempfile
import threading
from pathlib import Path
from typing import Any

from moto.s3.models import FakeKey, S3Backend, s3_backends

from local.replacements import Replacements
from local.resolve import ACCOUNT_ID

_log = logging.getLogger(__name__)

_SUFFIX = ".object"


class ObjectMirror:
    """One file for each object: a first line of JSON (key, headers, time of last change), then the content.

    The file's name is a digest of the key, since a key may be longer than a file name, hold `..`, or be both a file
    and a directory to a file system. A file is whole or not there: it is written aside and renamed.
    """

    def __init__(self, directory: Path, buckets: list[str]) -> None:
        self._directory = directory
        self._buckets = buckets
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
