"""Views of the health of the API and of the system behind it."""

from typing import Literal

from tandem.rest.parameters import Document


class LivenessView(Document):
    """The API answers. Anybody may ask, so nothing is asked of the database or the engines and nothing is named."""

    status: Literal["UP"]


class SystemHealthView(Document):
    """All that the API stands on can be reached; else the answer is 503 and names what cannot."""

    status: Literal["UP"]
    database: Literal["UP"]
    engine: Literal["UP"]
    engines: dict[str, Literal["UP"]]
