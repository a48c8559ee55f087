"""What an expression of a plan (``${var}``, ``${__P(name,default)}``) comes to, as far as it is known beforehand."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

# Strict, as JMeter is: it trims neither names nor arguments, so "${__P( host )}" is another property.
_FUNCTION = re.compile(r"(__\w+)\((.*)\)", re.DOTALL)
_BASE_NAME = re.compile(r"[^/\\]*\Z")
# __P(name,default) but __property(name,variable,default): https://jmeter.apache.org/usermanual/functions.html
_DEFAULT_ARGUMENT = {"__P": 1, "__property": 2}
_PIECE = re.compile(r"\\.|[(){},]|[^\\(){},]+|\\", re.DOTALL)
_MAX_NESTING = 20
_MAX_LOOKUPS = 1_000
_MAX_TEXT = 65_536


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known when an expression is resolved.

    ``properties`` None: they are not known yet (an upload that no definition uses so far).
    """

    properties: Mapping[str, str] | None
    variables: Mapping[str, tuple[str, ...]]
    changing: frozenset[str] = frozenset()
    changing_properties: frozenset[str] = frozenset()
    any_may_change: bool = False


@dataclass(frozen=True, slots=True)
class Resolved:
    """``text`` is the value when ``unknown`` is empty; else ``unknown`` holds the parts that cannot be known.

    ``known_start`` is the literal text before the first unknown part.
    """

    text: str
    unknown: tuple[str, ...]
    known_start: str

    @property
    def known(self) -> bool:
        return not self.unknown


def resolve(expression: str, surroundings: Surroundings) -> Resolved:
    """Put in properties, their defaults and User Defined Variables; what only the run can tell is ``unknown``."""
    pieces = _Resolver(surroundings).pieces(expression, 0)
    start = ""
    for text, unknown in pieces:
        if unknown:
            break
        start += text
    return Resolved("".join(text for text, _ in pieces), tuple(text for text, unknown in pieces if unknown), start)


def data_file_name(expression: str) -> str | None:
    """Return the last part of a path, as ``users.csv`` of ``${__P(dataDir,.)}/users.csv``; None when not plain text."""
    outside = list(expression)
    position = 0
    while (opening := expression.find("${", position)) >= 0:
        end = opening + 2 + len(_body(expression, opening + 2)) + 1
        outside[opening:end] = "\0" * (min(end, len(expression)) - opening)
        position = end
    name = _BASE_NAME.search("".join(outside))
    last = "" if name is None else name.group().strip()
    return None if not last or "\0" in last else last


class _Resolver:
    """Resolves one expression, within a budget: variables that name each other could otherwise grow without end."""

    def __init__(self, known: Surroundings) -> None:
        self._known = known
        self._budget = _MAX_LOOKUPS

    def pieces(self, expression: str, nesting: int) -> list[tuple[str, bool]]:
        """Split into (text, is unknown); what is longer than any host, path or number is unknown as a whole."""
        if len(expression) > _MAX_TEXT:
            return [(expression[:100], True)]
        pieces: list[tuple[str, bool]] = []
        position = 0
        while (opening := expression.find("${", position)) >= 0:
            if opening > position:
                pieces.append((expression[position:opening], False))
            body = _body(expression, opening + 2)
            position = opening + len(body) + 3
            # What is never closed is no variable to JMeter, which then sends the name itself.
            value = self._value_of(body, nesting) if position <= len(expression) else None
            pieces.append((f"${{{body}}}", True) if value is None else (value, False))
        if position < len(expression):
            pieces.append((expression[position:], False))
        return pieces

    def _value_of(self, body: str, nesting: int) -> str | None:
        self._budget -= 1
        if nesting >= _MAX_NESTING or self._budget < 0:
            return None
        call = _FUNCTION.fullmatch(body)
        if call is None:
            return self._variable(body, nesting)
        return self._property(call.group(1), _arguments(call.group(2)), nesting)

    def _property(self, function: str, arguments: list[str], nesting: int) -> str | None:
        if function not in _DEFAULT_ARGUMENT or self._known.properties is None:
            return None
        name = self._text(arguments[0], nesting)
        if name is None or name in self._known.changing_properties:
            return None
        if name in self._known.properties:
            return self._known.properties[name]
        default_at = _DEFAULT_ARGUMENT[function]
        return self._text(arguments[default_at], nesting) if len(arguments) > default_at else None

    def _variable(self, name: str, nesting: int) -> str | None:
        values = set(self._known.variables.get(name, ()))
        if len(values) != 1 or self._known.any_may_change or name in self._known.changing:
            return None
        return self._text(values.pop(), nesting)

    def _text(self, expression: str, nesting: int) -> str | None:
        pieces = self.pieces(expression, nesting + 1)
        text = "".join(text for text, _ in pieces)
        return None if any(unknown for _, unknown in pieces) or len(text) > _MAX_TEXT else text


def _body(text: str, start: int) -> str:
    """Return what stands between ``${`` and its closing brace; the rest of the text when there is none."""
    depth = 1
    for position in range(start, len(text)):
        if text[position] == "{" and text[position - 1] == "$":
            depth += 1
        elif text[position] == "}":
            depth -= 1
            if depth == 0:
                return text[start:position]
    return text[start:]


def _arguments(text: str) -> list[str]:
    """Split at the commas that stand outside parentheses and nested expressions; ``\\,`` is a comma of the argument."""
    arguments: list[str] = []
    parts: list[str] = []
    depth = 0
    for piece in _PIECE.findall(text):
        if piece == "," and depth == 0:
            arguments.append("".join(parts))
            parts.clear()
            continue
        depth += (piece in {"(", "{"}) - (piece in {")", "}"})
        parts.append(piece[1] if piece[0] == "\\" and piece[1:] in {",", "\\", "$"} else piece)
    return [*arguments, "".join(parts)]
