"""The system under test: a small shop on 127.0.0.1, in a process of its own, that can be made slow and faulty.

`python -m local.demo.shop PORT`. `PUT /fault {"latencyMs", "errorShare"}` is what a chaos tool does to a real system,
`DELETE /fault` undoes it.
"""

from __future__ import annotations

import asyncio
import random
import sys
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

HOST = "127.0.0.1"
# Long enough that what else the machine does is little beside it: the recovery is judged against this noise.
_WORK_SECONDS = (0.045, 0.055)
_PRICES = {f"sku-{number}": 5 + 3 * number for number in range(1, 21)}


@dataclass(frozen=True)
class Fault:
    """What goes wrong: every request takes `latency_ms` longer, and this share (0..1) of them fails with 503."""

    latency_ms: int = 0
    error_share: float = 0.0


class Shop:
    """Looks up prices and takes orders."""

    def __init__(self) -> None:
        self._fault = Fault()
        self._orders = 0
        self._chance = random.Random()  # noqa: S311 - spread, not secrecy

    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/health", self.health),
                Route("/catalogue", self.catalogue),
                Route("/checkout", self.checkout, methods=["POST"]),
                Route("/fault", self.inject, methods=["PUT"]),
                Route("/fault", self.heal, methods=["DELETE"]),
            ]
        )

    async def health(self, _request: Request) -> Response:
        return JSONResponse({"status": "UP"})

    async def catalogue(self, _request: Request) -> Response:
        return await self._work() or JSONResponse({"prices": _PRICES})

    async def checkout(self, request: Request) -> Response:
        try:
            items: list[Any] = (await request.json())["items"]
            total = sum(_PRICES[item["sku"]] * int(item["quantity"]) for item in items)
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"error": "an order is {items: [{sku, quantity}]} of things in the catalogue"}, 422)
        failed = await self._work()
        if failed is not None:
            return failed
        self._orders += 1
        return JSONResponse({"order": self._orders, "total": total}, 201)

    async def inject(self, request: Request) -> Response:
        wanted = await request.json()
        self._fault = Fault(int(wanted["latencyMs"]), float(wanted["errorShare"]))
        return JSONResponse({"latencyMs": self._fault.latency_ms, "errorShare": self._fault.error_share})

    async def heal(self, _request: Request) -> Response:
        self._fault = Fault()
        return Response(status_code=204)

    async def _work(self) -> Response | None:
        """Takes the time of a request; an answer when the fault makes it fail."""
        fault = self._fault
        await asyncio.sleep(self._chance.uniform(*_WORK_SECONDS) + fault.latency_ms / 1000)
        if self._chance.random() < fault.error_share:
            return JSONResponse({"error": "the payment service does not answer"}, 503)
        return None


if __name__ == "__main__":
    uvicorn.run(Shop().application(), host=HOST, port=int(sys.argv[1]), log_level="warning", access_log=False)
