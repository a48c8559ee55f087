"""Every error that Tandem raises on purpose, as one tree.

::

    AppError
     ├── MalformedRequest          the body or query cannot be read at all
     ├── Unauthenticated           no identity came from the authorizer
     ├── InvalidValue              one or more fields are wrong; ``details`` names each
     │    └── InvalidTestPlan      the file is no JMeter test plan that we accept
     ├── UnreadableResults         a result file is no JTL in CSV, or lacks a column that is needed
     ├── NotFound                  unknown, or somebody else's: the two answer alike
     ├── Conflict                  the state of things does not allow it
     ├── TooLarge                  over a documented limit
     ├── EngineError
     │    ├── EngineRefused        the engine understood and said no: nothing was started or changed
     │    ├── DashboardPending     JMeter's dashboard is not there, yet
     │    ├── EngineUnavailable    no connection, or a 503: the request certainly had no effect
     │    ├── EngineAnswerLost     the request was sent and its effect is unknown
     │    └── EngineAnsweredWrongly  an answer arrived that means nothing (HTML, wrong JSON, too large)
     ├── DatabaseUnavailable       the database cannot be reached or cannot write now
     ├── SecretUnavailable         a secret that we need cannot be read
     ├── StorageUnavailable        the object store cannot be reached
     ├── WorkflowUnavailable       Step Functions cannot be asked now
     └── NotHealthy                the health check found something down

``code`` is part of the public API (docs/api.md lists all); ``rest/app.py`` alone maps classes to HTTP statuses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with one field: its name as the caller sent it, and a sentence saying what is allowed."""

    field: str
    message: str


class AppError(Exception):
    """An error with a stable code and a sentence that may be shown to the caller."""

    code: ClassVar[str] = "INTERNAL_ERROR"

    def __init__(self, message: str, details: Sequence[FieldFault] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)


class MalformedRequest(AppError):
    code = "MALFORMED_REQUEST"


class Unauthenticated(AppError):
    code = "UNAUTHENTICATED"


class InvalidValue(AppError):
    code = "INVALID_VALUE"


class InvalidTestPlan(InvalidValue):
    code = "INVALID_TEST_PLAN"

    def at(self, field: str) -> "InvalidTestPlan":
        """The same, naming the caller's field that brought the plan."""
        return InvalidTestPlan(self.message, self.details or [FieldFault(field, self.message)])


class UnreadableResults(AppError):
    code = "UNREADABLE_RESULTS"


class NotFound(AppError):
    code = "NOT_FOUND"


class Conflict(AppError):
    code = "CONFLICT"


class TooLarge(AppError):
    code = "TOO_LARGE"


class EngineError(AppError):
    code = "ENGINE_ERROR"


class EngineRefused(EngineError):
    code = "ENGINE_REFUSED"


class DashboardPending(EngineError):
    """JMeter's dashboard is not there, yet."""

    code = "DASHBOARD_PENDING"


class EngineUnavailable(EngineError):
    """The engine did not get the request, or said 503. ``retry_after`` is in seconds when the engine named it."""

    code = "ENGINE_UNAVAILABLE"

    def __init__(self, message: str, details: Sequence[FieldFault] = (), retry_after: float | None = None) -> None:
        super().__init__(message, details)
        self.retry_after = retry_after


class EngineAnswerLost(EngineError):
    code = "ENGINE_ANSWER_LOST"


class EngineAnsweredWrongly(EngineError):
    code = "ENGINE_ANSWERED_WRONGLY"


class DatabaseUnavailable(AppError):
    code = "DATABASE_UNAVAILABLE"


class SecretUnavailable(AppError):
    """A secret that we need cannot be read, or does not hold what it should."""

    code = "SECRET_UNAVAILABLE"


class StorageUnavailable(AppError):
    """The object store cannot be reached, or cannot be written to now."""

    code = "STORAGE_UNAVAILABLE"


class WorkflowUnavailable(AppError):
    """Step Functions cannot be asked now."""

    code = "WORKFLOW_UNAVAILABLE"


class NotHealthy(AppError):
    """Something that the API stands on cannot be reached; ``details`` name it."""

    code = "NOT_HEALTHY"
