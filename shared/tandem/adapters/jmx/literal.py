r"""How text is put into a plan so that JMeter takes it as it stands, functions and variables included.

JMeter (5.5, ``org.apache.jmeter.engine.util``) reads every string property for ``${...}``. A text that holds none is
left alone byte for byte, backslashes too. A text that holds at least one is put together anew, and only then do
``\\``, ``\$`` and ``\,`` stand for the second character. So ``\${x}`` alone is sent with its backslash, which rules out
escaping by a backslash; instead each ``${`` becomes a function whose value is the dollar sign, and backslashes are
doubled. The value of a function is not read again.
"""

_DOLLAR = "${__char(36)}"


def literal(text: str) -> str:
    """Return the property value that JMeter evaluates to exactly ``text``."""
    if "${" not in text:
        return text
    return text.replace("\\", "\\\\").replace("${", _DOLLAR + "{")


def function_argument(text: str) -> str:
    """Return ``text`` as one argument of a function call; it must hold no parenthesis and no ``${``."""
    return text.replace("\\", "\\\\").replace(",", "\\,")
