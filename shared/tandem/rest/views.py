"""Building blocks of what is shown."""

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import PlainSerializer, WithJsonSchema

from tandem.domain.paging import Page
from tandem.domain.timestamps import iso_utc
from tandem.rest.parameters import Document

Moment = Annotated[
    datetime,
    PlainSerializer(iso_utc, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""ISO 8601 with milliseconds and offset."""

V = TypeVar("V", bound=Document)


class PageView(Document, Generic[V]):
    """One page of a list, newest first; ``page`` counts from 1."""

    page: int
    page_size: int
    pages: int
    total: int
    data: list[V]


def page_fields(page: Page[object]) -> dict[str, Any]:
    """The numbers of a page, by their names on the wire."""
    return {"page": page.request.number, "pageSize": page.request.size, "pages": page.pages, "total": page.total}
