"""View of the system's health."""

from typing import Literal

from tandem.rest.parameters import Document


class HealthView(Document):
    """All that the API stands on can be reached; else the answer is 503 and names what cannot."""

    status: Literal["UP"]
    database: Literal["UP"]
    engine: Literal["UP"]
    engines: dict[str, Literal["UP"]]
