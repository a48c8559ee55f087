"""Reading what is in jars without a Java: names, superclasses and string constants of class files.

Their format is chapter 4 of the Java Virtual Machine specification. Only the first part of a class file is read: its
constant pool, its flags, and what it extends and implements.
"""

import struct
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_U2: Final = struct.Struct(">H")
_MAGIC: Final = b"\xca\xfe\xba\xbe"
_UTF8, _CLASS, _STRING = 1, 7, 8
# Bytes after the tag byte; long (5) and double (6) take two places in the pool.
_LENGTHS: Final = {
    **dict.fromkeys((7, 8, 16, 19, 20), 2),
    15: 3,
    **dict.fromkeys((3, 4, 9, 10, 11, 12, 17, 18), 4),
    **dict.fromkeys((5, 6), 8),
}
_TWO_PLACES: Final = (5, 6)
_ACC_INTERFACE, _ACC_ABSTRACT = 0x0200, 0x0400
_LARGEST_CLASS: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ClassFile:
    """One class by its names with dots: what it extends and implements, and the texts that its code holds."""

    name: str
    parents: tuple[str, ...]
    is_concrete: bool
    texts: tuple[str, ...]


def read_class(content: bytes) -> ClassFile:
    """Read the head of one class file. Raises ValueError for what is none."""
    if content[:4] != _MAGIC:
        raise ValueError("no class file")
    try:
        return _read(content)
    except (IndexError, KeyError, struct.error) as error:
        raise ValueError(f"no class file that is understood: {error!r}") from error


def classes_of(jars: Iterable[Path]) -> Iterator[ClassFile]:
    """Every top-level and nested class of the jars; a file that is no jar or holds no class is passed over."""
    for jar in jars:
        try:
            archive = zipfile.ZipFile(jar)
        except (OSError, zipfile.BadZipFile):
            # JMeter itself takes such a file for no jar either.
            continue
        with archive:
            for entry in archive.infolist():
                if _is_class(entry.filename) and entry.file_size <= _LARGEST_CLASS:
                    try:
                        yield read_class(archive.read(entry))
                    except (ValueError, OSError, zipfile.BadZipFile):
                        continue


def class_names_of(jars: Iterable[Path]) -> Iterator[str]:
    """The names of every class of the jars, from their tables of contents alone."""
    for jar in jars:
        try:
            with zipfile.ZipFile(jar) as archive:
                names = archive.namelist()
        except (OSError, zipfile.BadZipFile):
            continue
        yield from (name.removesuffix(".class").replace("/", ".") for name in names if _is_class(name))


def _is_class(name: str) -> bool:
    # What is for certain versions of Java only (META-INF/versions) repeats what is outside.
    return name.endswith(".class") and not name.startswith("META-INF/") and not name.endswith("-info.class")


def _read(content: bytes) -> ClassFile:
    u2 = _U2.unpack_from
    (count,) = u2(content, 8)
    at = 10
    texts: dict[int, tuple[int, int]] = {}
    classes: dict[int, int] = {}
    strings: list[int] = []
    index = 1
    while index < count:
        tag = content[at]
        if tag == _UTF8:
            (length,) = u2(content, at + 1)
            texts[index] = (at + 3, length)
            at += 3 + length
        else:
            if tag == _CLASS:
                (classes[index],) = u2(content, at + 1)
            elif tag == _STRING:
                strings.append(u2(content, at + 1)[0])
            at += 1 + _LENGTHS[tag]
        index += 2 if tag in _TWO_PLACES else 1

    def text(place: int) -> str:
        start, length = texts[place]
        return content[start : start + length].decode("utf-8", errors="replace")

    def class_name(place: int) -> str:
        return text(classes[place]).replace("/", ".")

    flags, this, above, interfaces = (u2(content, at + offset)[0] for offset in (0, 2, 4, 6))
    parents = [above] if above else []
    parents += [u2(content, at + 8 + 2 * number)[0] for number in range(interfaces)]
    return ClassFile(
        name=class_name(this),
        parents=tuple(class_name(parent) for parent in parents),
        is_concrete=not flags & (_ACC_INTERFACE | _ACC_ABSTRACT),
        texts=tuple(text(place) for place in strings),
    )
