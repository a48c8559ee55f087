"""Unpacks a ZIP of a plan and its files, within bounds; nothing is written and no path of the archive is followed."""

import io
import stat
import zipfile
from dataclasses import dataclass
from typing import Final

from tandem.domain.errors import FieldFault, InvalidValue, TooLarge
from tandem.domain.upload import ArchivedFile

MAX_FILES: Final = 51
"""A plan, and as many data files as a definition takes."""

MAX_UNPACKED: Final = 64 * 1024 * 1024
_PIECE: Final = 65_536
_ENCRYPTED: Final = 1
# What the archivers of macOS and Windows add by themselves.
_NOBODYS: Final = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")


def unpack(content: bytes, field: str) -> list[ArchivedFile]:
    """The files of an archive, with their folders. Raises InvalidValue naming ``field``, or TooLarge."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir() and not _is_nobodys(entry.filename)]
            if len(entries) > MAX_FILES:
                raise TooLarge(f"The archive holds {len(entries)} files; at most {MAX_FILES} are taken.")
            unpacker = _Unpacker(archive, field)
            return [ArchivedFile(entry.filename, unpacker.read(entry)) for entry in entries]
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise _refused(field, f"is no ZIP archive that can be read: {error}") from error


@dataclass(slots=True)
class _Unpacker:
    """Counts what comes out: the sizes that an archive announces are its own word."""

    archive: zipfile.ZipFile
    field: str
    left: int = MAX_UNPACKED

    def read(self, entry: zipfile.ZipInfo) -> bytes:
        parts = entry.filename.split("/")
        if "\\" in entry.filename or entry.filename.startswith("/") or ".." in parts or ":" in parts[0]:
            raise _refused(self.field, f"holds a file whose name leads elsewhere: {entry.filename[:100]!r}")
        if entry.flag_bits & _ENCRYPTED:
            raise _refused(self.field, f"holds an encrypted file: {entry.filename[:100]!r}")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise _refused(self.field, f"holds a link and no file: {entry.filename[:100]!r}")
        pieces = []
        with self.archive.open(entry) as unpacked:
            while piece := unpacked.read(_PIECE):
                self.left -= len(piece)
                if self.left < 0:
                    raise TooLarge(f"The archive holds more than {MAX_UNPACKED} bytes, unpacked.")
                pieces.append(piece)
        return b"".join(pieces)


def _is_nobodys(name: str) -> bool:
    return name.startswith(_NOBODYS[0]) or name.rsplit("/", 1)[-1] in _NOBODYS[1:]


def _refused(field: str, message: str) -> InvalidValue:
    return InvalidValue("The archive is refused.", [FieldFault(field, message)])
