"""A file as multipart/form-data, in pieces and never held whole (RFC 7578)."""

import secrets
from collections.abc import Iterable, Iterator


class FilePart:
    """The body of an upload with one field ``file``, and its content type. To be iterated once."""

    def __init__(self, file_name: str, content: Iterable[bytes]) -> None:
        self._boundary = secrets.token_hex(16)
        self._file_name = file_name
        self._content = content

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self._boundary}"

    def __iter__(self) -> Iterator[bytes]:
        # Quotes and line breaks are escaped as browsers do (HTML standard, "multipart form data").
        name = self._file_name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
        disposition = f'Content-Disposition: form-data; name="file"; filename="{name}"'
        yield f"--{self._boundary}\r\n{disposition}\r\nContent-Type: application/octet-stream\r\n\r\n".encode()
        # An empty piece would read as the end of a chunked body.
        yield from (piece for piece in self._content if piece)
        yield f"\r\n--{self._boundary}--\r\n".encode()
