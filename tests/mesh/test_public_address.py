"""The gateway's public address, and a whole purchase through it: gateway → edge → services, each hop mutual TLS."""

import httpx

from local.demo.shop import Shop
from local.mesh.door import door
from local.mesh.pods import GATEWAY, GATEWAY_HOST, GATEWAY_HTTP, PODS
from local.stack import Stack
from tests.mesh.envoys import let_in


def test_plain_http_is_sent_to_https(stack: Stack) -> None:
    answer = httpx.get(
        f"http://{GATEWAY.address(stack)}:{GATEWAY_HTTP}/api/v1/products", headers={"Host": GATEWAY_HOST}
    )
    assert answer.status_code == httpx.codes.MOVED_PERMANENTLY
    assert answer.headers["location"] == f"https://{GATEWAY_HOST}/api/v1/products"


def test_another_host_is_not_served(stack: Stack) -> None:
    with door(stack) as client:
        assert client.get("/products", headers={"Host": "other.myapp.com"}).status_code == httpx.codes.NOT_FOUND
        assert client.get("/products").status_code == httpx.codes.OK


def test_a_purchase_goes_through_the_mesh(stack: Stack) -> None:
    names = ("edge", "user", "order", "payment", "inventory")
    before = {name: let_in(stack, PODS[name]) for name in names}
    with Shop(stack, door(stack)) as shop:
        shop.register()
        product = shop.product("prod-123")
        order = shop.order("prod-123", 1, product["price"])
        payment = shop.pay(order, "pm_card_visa")
        assert payment["status"] == "succeeded"
        assert shop.order_with_status(order, "confirmed")["id"] == order["id"]
    after = {name: let_in(stack, PODS[name]) for name in before}
    assert [name for name in before if after[name] <= before[name]] == []
