"""Answering with a file that may be growing: exactly the bytes that were there when asked, whole or one range."""

import mimetypes
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

_CHUNK: Final = 256 * 1024
_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_TYPES: Final = {".jtl": "text/csv", ".log": "text/plain", ".csv": "text/csv", ".jmx": "application/xml"}


def file_answer(request: Request, path: Path) -> Response:
    """The file's bytes; honours one byte range (``Range: bytes=a-b``), so that a live JTL can be followed.

    Raises OSError.
    """
    size = path.stat().st_size
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    headers = {"Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff"}
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    start, end = 0, size
    if asked is not None and any(asked.groups()):
        first, last = asked.groups()
        if first:
            start, end = int(first), min(size, int(last) + 1) if last else size
        else:
            start = max(0, size - int(last))
        if start >= end:
            return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{size}"})
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    status = 206 if "Content-Range" in headers else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=media_type)
    # Opened before the headers go out, so that a file that cannot be read is an answer and not a broken one.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    return StreamingResponse(_bytes(descriptor, start, end), status, headers, media_type)


async def _bytes(descriptor: int, start: int, end: int) -> AsyncIterator[bytes]:
    try:
        while start < end:
            chunk = await run_in_threadpool(os.pread, descriptor, min(_CHUNK, end - start), start)
            if not chunk:
                return
            start += len(chunk)
            yield chunk
    finally:
        os.close(descriptor)
