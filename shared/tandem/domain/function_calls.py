r"""Which functions a value of a plan calls, by JMeter's own rules (``org.apache.jmeter.engine.util.FunctionParser``).

A text is read character by character: ``\`` takes the next one as it stands, in a name as well:
``${__Bean\Shell(1)}`` calls ``__BeanShell``. What stands between the parentheses is split into arguments, and each is
read by the same rules.
"""

import re
from dataclasses import dataclass
from typing import Final

# Not JMeter's own variable, how often a loop has gone round.
_NAMED: Final = re.compile(r"\$\{\s*(?!__jm__[^}]{0,250}__idx\})(__\w+)")
_ESCAPED_NAME: Final = re.compile(r"\$\{[\x00-\x20]*[^(}\\]{0,250}\\")
_OPENING: Final = re.compile(r"\\.?|\$\{", re.DOTALL)
_OF_NAME: Final = re.compile(r"[^\\(}]+|.", re.DOTALL)
_OF_ARGUMENTS: Final = re.compile(r"\\.?|\$\{|[(){},]|[^\\(){},$]+|\$", re.DOTALL)
_FUNCTION: Final = re.compile(r"(?!__jm__.*__idx)__\w{1,200}")
_TRIMMED: Final = "".join(map(chr, range(33)))
_LONGEST_NAME: Final = 200
# Longer or deeper calls than any real one are listed by their name alone, or a hostile plan could cost minutes.
_MAX_CALL: Final = 65_536
_MAX_NESTING: Final = 8


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """``arguments`` as they stand in the text; empty as well when the call is never closed, or unreasonably large."""

    name: str
    arguments: tuple[str, ...] = ()


def function_calls(text: str) -> list[FunctionCall]:
    """List the functions that are called anywhere in a text, nested ones too, and what merely looks like a call.

    The second are escaped or unfinished ones: listing too many costs a remark, listing too few would let code pass.
    """
    if "${" not in text:
        return []
    found: list[FunctionCall] = []
    _search(text, 0, found)
    named = {call.name for call in found}
    found.extend(FunctionCall(name) for name in dict.fromkeys(_NAMED.findall(text)) if name not in named)
    return found


def hides_a_name(text: str) -> bool:
    """Say whether a backslash stands in the name of something that is called or read."""
    return "${" in text and _ESCAPED_NAME.search(text) is not None


def _search(text: str, nesting: int, found: list[FunctionCall]) -> None:
    position = 0
    while (token := _OPENING.search(text, position)) is not None:
        position = _call(text, token.end(), nesting, found) if token.group() == "${" else token.end()


def _call(text: str, start: int, nesting: int, found: list[FunctionCall]) -> int:
    """Read on after ``${``; return where the rest of the text begins."""
    name, previous, position = "", " ", start
    while (token := _OF_NAME.match(text, position)) is not None:
        piece, position = token.group(), token.end()
        if piece == "\\":
            name, previous = _longer(name, text[position : position + 1]), " "
            position += 1
        elif piece == "(" and previous != " " and _is_function(name.rstrip(_TRIMMED)):
            arguments, position = _arguments(text, position)
            small = nesting < _MAX_NESTING and sum(map(len, arguments)) <= _MAX_CALL
            found.append(FunctionCall(name.rstrip(_TRIMMED), tuple(arguments) if small else ()))
            if small:
                for argument in arguments:
                    if "${" in argument:
                        _search(argument, nesting + 1, found)
            return position
        elif piece == "}":
            if _is_function(name):
                found.append(FunctionCall(name))
            return position
        else:
            name, previous = _longer(name, piece), piece[-1]
    return len(text)


def _longer(name: str, piece: str) -> str:
    """Add to a name, of which no more is kept than could be a function's; white space before it does not count."""
    return (name + piece if name else piece.lstrip(_TRIMMED))[: _LONGEST_NAME + 1]


def _is_function(name: str) -> bool:
    return _FUNCTION.fullmatch(name) is not None


def _arguments(text: str, start: int) -> tuple[list[str], int]:
    """Split what follows an opening parenthesis, to its closing one; the brace behind it is left."""
    arguments: list[str] = []
    parts: list[str] = []
    expressions = parentheses = 0
    position = start
    while (token := _OF_ARGUMENTS.match(text, position)) is not None:
        piece, position = token.group(), token.end()
        if piece == "," and not expressions:
            arguments.append("".join(parts))
            parts.clear()
            continue
        if piece == ")" and not expressions and not parentheses:
            if parts or arguments:
                arguments.append("".join(parts))
            return arguments, position
        if piece == "${":
            expressions += 1
        elif piece == "}" and expressions:
            expressions -= 1
        elif piece in "()" and not expressions:
            parentheses += 1 if piece == "(" else -1
        parts.append(piece)
    return [*arguments, "".join(parts)], len(text)
