"""One hardened pass over the XML of a plan, for the reader and for the linker alike.

This is expat itself and not defusedxml (which wraps it for trees and SAX), because both users need what the wrappers
hide: line numbers and byte offsets of elements, and a pass that keeps nothing. The refusals are defusedxml's and more.
"""

from collections.abc import Iterable, Iterator
from typing import Final, Protocol
from xml.parsers import expat

from tandem.domain.errors import InvalidTestPlan, TooLarge
from tandem.domain.plan_facts import MEBIBYTE, ReadLimits

_BLOCK: Final = 65_536
# A tag, a comment or a declaration has to fit into memory whole.
_MAX_TOKEN: Final = MEBIBYTE
_FOREIGN_STARTS: Final = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"<\x00": "UTF-16",
    b"\x00<": "UTF-16",
    b"\x00\x00": "UTF-32",
}
_OTHER_FILES: Final = {
    b"PK\x03\x04": "a ZIP archive (send it under a name that ends in .zip, and its plan and files are taken)",
    b"PK\x05\x06": "an empty ZIP archive",
    b"\x1f\x8b": "compressed with GZIP",
    b"%PDF-": "a PDF document",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
}
_INVALID_TOKEN: Final = expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN]
_CUT_OFF: Final = frozenset(
    expat.errors.codes[text]
    for text in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
    )
)


class XmlHandler(Protocol):
    """What is told of the document, in its order; offsets are bytes from the start, lines count from 1."""

    def start(self, tag: str, attributes: dict[str, str], line: int, offset: int) -> None: ...

    def text(self, text: str, offset: int) -> None: ...

    def markup(self, offset: int) -> None:
        """A comment, a processing instruction or the border of a CDATA section begins at ``offset``."""

    def end(self, tag: str, offset: int) -> None: ...


def parse_plan_xml(chunks: Iterable[bytes], limits: ReadLimits, handler: XmlHandler) -> None:
    """Parse the whole document; raises InvalidTestPlan with the line, or TooLarge."""
    _Pass(limits, handler).run(chunks)


class _Pass:
    def __init__(self, limits: ReadLimits, handler: XmlHandler) -> None:
        self._limits = limits
        self._handler = handler
        self._depth = 0
        self._elements = 0
        self._declared = ""
        # JMeter reads plans as UTF-8 whatever their declaration says (``_file_encoding`` in its
        # saveservice.properties); so do we, or a plan could mean one thing to us and another to JMeter.
        self._parser = parser = expat.ParserCreate(encoding="UTF-8")
        parser.buffer_text = False
        parser.XmlDeclHandler = self._on_declaration
        parser.StartDoctypeDeclHandler = self._on_doctype
        parser.StartElementHandler = self._on_start
        parser.EndElementHandler = self._on_end
        parser.CharacterDataHandler = self._on_text
        parser.CommentHandler = self._on_comment
        parser.ProcessingInstructionHandler = self._on_instruction
        parser.StartCdataSectionHandler = self._on_cdata
        parser.EndCdataSectionHandler = self._on_cdata
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)

    def run(self, chunks: Iterable[bytes]) -> None:
        fed = 0
        for block in _blocks(chunks):
            if fed == 0:
                _refuse_foreign_encoding(block)
            fed += len(block)
            if fed > self._limits.max_bytes:
                raise TooLarge(f"The test plan is larger than {self._limits.max_bytes} bytes.")
            self._feed(block, last=False)
            # What expat keeps back is a token that has not ended; it reads it again with each block.
            if fed - max(self._parser.CurrentByteIndex, 0) > _MAX_TOKEN:
                raise self._refusal(f"a tag or comment is longer than {_MAX_TOKEN} bytes")
        if fed == 0:
            raise InvalidTestPlan("The file is empty: a JMeter test plan (JMX) is an XML file.")
        self._feed(b"", last=True)

    def _feed(self, block: bytes, *, last: bool) -> None:
        try:
            self._parser.Parse(block, last)
        except expat.ExpatError as exc:
            raise self._not_xml(exc) from exc

    def _not_xml(self, error: expat.ExpatError) -> InvalidTestPlan:
        where = f"line {error.lineno}, column {error.offset + 1}"
        if error.code in _CUT_OFF and self._elements:
            return InvalidTestPlan(f"The file is cut off: it ends inside an element, at {where}.")
        if not self._elements:
            return InvalidTestPlan(f"The file is no XML ({expat.ErrorString(error.code)} at {where}).")
        if error.code == _INVALID_TOKEN and self._declared not in {"", "utf-8"}:
            return InvalidTestPlan(
                f"The file says that it is {self._declared}, and is not UTF-8 at {where}; JMeter reads every plan as "
                "UTF-8. Save it as UTF-8."
            )
        return InvalidTestPlan(f"The file is no well-formed XML in UTF-8: {expat.ErrorString(error.code)} at {where}.")

    def _refusal(self, reason: str) -> InvalidTestPlan:
        return InvalidTestPlan(f"The file is refused: {reason} (line {self._parser.CurrentLineNumber}).")

    def _on_declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        self._declared = (encoding or "").lower()

    def _on_doctype(self, name: str, system_id: str | None, public_id: str | None, has_internal_subset: bool) -> None:
        if system_id is not None or public_id is not None:
            raise self._refusal("it points to an external document type; nothing external is fetched")
        if has_internal_subset:
            # JMeter's parser finds the end of such a subset in another place, and so could read another plan.
            raise self._refusal("its document type declares entities or the like, which no test plan needs")

    def _on_start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > self._limits.max_depth:
            raise self._refusal(f"its elements are nested deeper than {self._limits.max_depth}")
        if self._elements > self._limits.max_elements:
            raise self._refusal(f"it has more than {self._limits.max_elements} XML elements")
        self._handler.start(tag, attributes, self._parser.CurrentLineNumber, self._parser.CurrentByteIndex)

    def _on_end(self, tag: str) -> None:
        self._depth -= 1
        self._handler.end(tag, self._parser.CurrentByteIndex)

    def _on_text(self, text: str) -> None:
        self._handler.text(text, self._parser.CurrentByteIndex)

    def _on_comment(self, text: str) -> None:
        self._handler.markup(self._parser.CurrentByteIndex)

    def _on_instruction(self, target: str, text: str) -> None:
        self._handler.markup(self._parser.CurrentByteIndex)

    def _on_cdata(self) -> None:
        self._handler.markup(self._parser.CurrentByteIndex)


def _refuse_foreign_encoding(block: bytes) -> None:
    kind = next((kind for start, kind in _OTHER_FILES.items() if block.startswith(start)), None)
    if kind is not None:
        raise InvalidTestPlan(f"The file is {kind}, no JMeter test plan (JMX).")
    if block[:1024].lstrip().lower().startswith(b"<!doctype html"):
        raise InvalidTestPlan("The file is an HTML page, such as of an error or a login; no JMeter test plan (JMX).")
    encoding = _FOREIGN_STARTS.get(block[:2])
    if encoding is not None:
        raise InvalidTestPlan(f"The file is {encoding}: JMeter reads test plans as UTF-8 only. Save it as UTF-8.")


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Regroup into blocks of one size: expat is slow on many small ones, and large ones would dodge the limits."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        while len(waiting) >= _BLOCK:
            yield bytes(waiting[:_BLOCK])
            del waiting[:_BLOCK]
    if waiting:
        yield bytes(waiting)
