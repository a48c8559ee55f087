"""Pages of a list: the parameters that ask for one, and the view of it."""

from typing import Annotated, Any, Generic, TypeVar

from pydantic import Field

from tandem.domain.paging import Page, PageRequest
from tandem.rest.parameters import Document, Parameters, Whole

V = TypeVar("V", bound=Document)


class Paged(Parameters):
    """A page of a list: ``pageNum`` counts from 1."""

    page_num: Annotated[Whole, Field(ge=1, le=1_000_000)] = 1
    page_size: Annotated[Whole, Field(ge=1, le=200)] = 20

    @property
    def page(self) -> PageRequest:
        return PageRequest(self.page_num, self.page_size)


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
