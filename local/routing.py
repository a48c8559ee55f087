"""Finds the route of a request, with API Gateway's order of preference."""

from __future__ import annotations

import re
from collections.abc import Iterable

from local.template import Route

_VARIABLE = re.compile(r"\{([^}+]+)(\+?)\}")


class RouteTable:
    """A request goes to the route with the most literal path; a named method goes before ANY.

    Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = sorted(((_regular_expression(route.path), route) for route in routes), key=_preference)

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route and its path parameters, or None."""
        for expression, route in self._routes:
            if route.method in (method, "ANY") and (match := expression.fullmatch(path)):
                return route, match.groupdict()
        return None


def _regular_expression(path: str) -> re.Pattern[str]:
    pieces: list[str] = []
    end = 0
    for variable in _VARIABLE.finditer(path):
        pieces.append(re.escape(path[end : variable.start()]))
        pieces.append(f"(?P<{variable.group(1)}>{'.+' if variable.group(2) else '[^/]+'})")
        end = variable.end()
    pieces.append(re.escape(path[end:]))
    return re.compile("".join(pieces))


def _preference(entry: tuple[re.Pattern[str], Route]) -> tuple[int, bool, int, bool]:
    path = entry[1].path
    return (int("{" in path) + int("+}" in path), "+}" in path, -len(path), entry[1].method == "ANY")
