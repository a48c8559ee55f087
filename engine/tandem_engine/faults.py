"""What the engine answers when it does not do what was asked; ``api.py`` puts each into the envelope.

::

    EngineFault
     ├── BadArgument    400  a field is wrong, or the state does not allow it
     ├── NotJson        415  a JSON body is needed, and said to be one
     ├── Unauthorized   401  the bearer token is missing or wrong
     ├── Unknown        404  no such execution or file
     ├── Broken         500  the engine itself cannot do its work (JMeter cannot be started, disk full, ...)
     └── Full           503  over capacity, or shutting down; carries ``Retry-After``
"""

from typing import ClassVar


class EngineFault(Exception):
    """A refusal with the HTTP status it answers; its text is a sentence for the caller."""

    status: ClassVar[int] = 500


class BadArgument(EngineFault):
    """A field is wrong or the state does not allow it; the text names field and rule."""

    status = 400


class NotJson(EngineFault):
    """The body is not said to be JSON: a page of another site can send any other type without asking."""

    status = 415


class Unauthorized(EngineFault):
    """The bearer token is missing or wrong."""

    status = 401


class Unknown(EngineFault):
    """There is no such execution, result or file."""

    status = 404


class Broken(EngineFault):
    """The engine itself cannot do its work."""

    status = 500


class Full(EngineFault):
    """No room for another run now; ``retry_after`` is in whole seconds."""

    status = 503

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after
