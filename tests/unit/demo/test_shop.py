"""The shop under test works, can be broken, and heals."""

import asyncio
import time

import httpx
import pytest

from local.demo.shop import Shop

ORDER = {"shopper": "s", "items": [{"sku": "sku-1", "quantity": 2}, {"sku": "sku-20", "quantity": 1}]}


class Customer:
    """Calls a shop without a network."""

    def __init__(self) -> None:
        self._transport = httpx.ASGITransport(Shop().application())

    def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        async def call() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://shop") as client:
                return await client.request(method, path, json=body)

        return asyncio.run(call())


@pytest.fixture
def shop() -> Customer:
    return Customer()


def test_it_sells_at_the_prices_of_its_catalogue(shop: Customer) -> None:
    prices = shop.ask("GET", "/catalogue").json()["prices"]
    answer = shop.ask("POST", "/checkout", ORDER)
    assert answer.status_code == 201
    assert answer.json() == {"order": 1, "total": 2 * prices["sku-1"] + prices["sku-20"]}


@pytest.mark.parametrize("order", [[], {}, {"items": [{"sku": "none", "quantity": 1}]}, {"items": 5}])
def test_what_is_no_order_is_refused(shop: Customer, order: object) -> None:
    assert shop.ask("POST", "/checkout", order).status_code == 422


def test_a_fault_makes_it_slow_and_faulty_until_it_is_removed(shop: Customer) -> None:
    shop.ask("PUT", "/fault", {"latencyMs": 100, "errorShare": 1})
    began = time.monotonic()
    assert shop.ask("GET", "/catalogue").status_code == 503
    assert time.monotonic() - began >= 0.1
    assert shop.ask("DELETE", "/fault").status_code == 204
    assert shop.ask("GET", "/catalogue").status_code == 200
