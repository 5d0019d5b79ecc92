"""The one public address: plain gRPC beside REST, what it does not expose, and the headers of every answer."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import httpx
import jwt
import pytest

from argosy.inventory.v1 import product_pb2, product_pb2_grpc, reservation_pb2, reservation_pb2_grpc
from argosy.order.v1 import order_lookup_pb2, order_lookup_pb2_grpc, order_pb2, order_pb2_grpc
from argosy.payment.v1 import payment_lookup_pb2, payment_lookup_pb2_grpc, payment_pb2, payment_pb2_grpc
from argosy.user.v1 import user_pb2, user_pb2_grpc
from services.chassis.rpc.refusals import Refusal, refusal_of
from tests.contract.support import bearer, service_token
from tests.support import facts, invariants
from tests.support.invariants import Baseline
from tests.support.real_stack import RealStack
from tests.support.shop import CHALLENGED, VISA, Customer, Shop, a_person, answered, refusal, until

pytestmark = pytest.mark.usefixtures("before")

Metadata = tuple[tuple[str, str], ...]
Rpc = Callable[[], Awaitable[Any]]

LINE = order_pb2.OrderItemRequest(product_id="prod-123", quantity=2, price=29.99)
ADDRESS = order_pb2.ShippingAddress(street="123 Test St", city="Test City", state="TS", zip_code="12345", country="US")


async def refused(call: Awaitable[Any]) -> Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call
    return refusal_of(failure.value)


async def outcome(call: Awaitable[Any]) -> grpc.StatusCode:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def registered(channel: grpc.aio.Channel) -> tuple[str, Metadata]:
    """Somebody new, by gRPC; their id and what their calls carry."""
    body = a_person()
    request = user_pb2.RegisterRequest(
        email=body["email"], password=body["password"], first_name="Ada", last_name="Tour"
    )
    key = (("idempotency-key", str(uuid.uuid4())),)
    users = user_pb2_grpc.UserServiceStub(channel)

    async def register() -> user_pb2.RegisterResponse | None:
        try:
            answer: user_pb2.RegisterResponse = await users.Register(request, metadata=key)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:  # on a busy machine: come back
                return None
            raise
        return answer

    answer = await until(register, bool, "an account")
    assert answer is not None
    return answer.user.id, bearer(answer.token)


async def test_a_whole_purchase_by_grpc(channel: grpc.aio.Channel, shop: Shop, before: Baseline) -> None:
    orders, payments = order_pb2_grpc.OrderServiceStub(channel), payment_pb2_grpc.PaymentServiceStub(channel)
    user_id, caller = await registered(channel)
    product = await product_pb2_grpc.ProductServiceStub(channel).GetProduct(
        product_pb2.GetProductRequest(id="prod-123")
    )
    assert (product.price, product.currency) == ("29.99", "USD")

    placed = order_pb2.CreateOrderRequest(user_id=user_id, items=[LINE], shipping_address=ADDRESS)
    order = await orders.CreateOrder(placed, metadata=caller)
    assert (order.status, order.total_amount, order.user_id) == ("pending", "59.98", user_id)
    request = payment_pb2.CreatePaymentRequest(order_id=order.id, amount=59.98, payment_method_id=VISA)
    payment = await payments.CreatePayment(request, metadata=caller)
    assert (payment.status, payment.amount, payment.order_id) == ("succeeded", "59.98", order.id)

    async def status() -> str:
        found = await orders.GetOrder(order_pb2.GetOrderRequest(id=order.id), metadata=caller)
        return str(found.status)

    await until(status, lambda found: found == "confirmed", "the order is confirmed")
    history = await orders.GetOrderHistory(order_pb2.GetOrderHistoryRequest(id=order.id), metadata=caller)
    assert [(event.seq, event.type) for event in history.events] == [(1, "ORDER_CREATED"), (2, "ORDER_STATUS_UPDATED")]
    found = await payments.ListPayments(payment_pb2.ListPaymentsRequest(order_id=order.id), metadata=caller)
    assert [one.payment_id for one in found.payments] == [payment.payment_id]

    await invariants.hold(shop.stack, before)


async def test_a_challenge_by_grpc(channel: grpc.aio.Channel, shop: Shop) -> None:
    orders, payments = order_pb2_grpc.OrderServiceStub(channel), payment_pb2_grpc.PaymentServiceStub(channel)
    _, caller = await registered(channel)
    order = await orders.CreateOrder(
        order_pb2.CreateOrderRequest(items=[LINE], shipping_address=ADDRESS), metadata=caller
    )
    request = payment_pb2.CreatePaymentRequest(order_id=order.id, payment_method_id=CHALLENGED)
    payment = await payments.CreatePayment(request, metadata=caller)
    assert (payment.status, payment.requires_action) == ("requires_action", True)
    await shop.sandbox.pass_challenge(payment.client_secret.partition("_secret_")[0])
    confirmed = await payments.ConfirmPayment(payment_pb2.ConfirmPaymentRequest(id=payment.payment_id), metadata=caller)
    assert confirmed.status == "succeeded"


async def test_an_error_by_grpc_is_the_same_as_by_rest(channel: grpc.aio.Channel, customer: Customer) -> None:
    wrong = order_pb2.OrderItemRequest(product_id="prod-123", quantity=0)
    request = order_pb2.CreateOrderRequest(items=[wrong], shipping_address=ADDRESS)
    by_grpc = await refused(
        order_pb2_grpc.OrderServiceStub(channel).CreateOrder(request, metadata=bearer(customer.token))
    )
    body = {
        "items": [{"productId": "prod-123", "quantity": 0}],
        "shippingAddress": {"street": "123 Test St", "city": "Test City", "zipCode": "12345", "country": "US"},
    }
    by_rest = refusal(await customer.call("POST", "/orders", body))
    assert by_grpc.code is grpc.StatusCode.INVALID_ARGUMENT
    assert dict(by_grpc.violations) == by_rest.fields
    assert (by_grpc.message, by_grpc.reason) == (by_rest.message, by_rest.reason)


def internal_rpcs(channel: grpc.aio.Channel, caller: Metadata, order_id: str) -> dict[str, tuple[str, Rpc]]:
    """Who may call it, and a call that would take effect."""
    reservations = reservation_pb2_grpc.ReservationServiceStub(channel)
    orders = order_lookup_pb2_grpc.OrderLookupServiceStub(channel)
    payments = payment_lookup_pb2_grpc.PaymentLookupServiceStub(channel)
    item = reservation_pb2.ReservationItem(product_id="prod-124", quantity=1)
    other = str(uuid.uuid4())
    return {
        "/argosy.order.v1.OrderLookupService/LookUpOrder": (
            "payment",
            lambda: orders.LookUpOrder(order_lookup_pb2.LookUpOrderRequest(order_id=order_id), metadata=caller),
        ),
        "/argosy.payment.v1.PaymentLookupService/LookUpOrderPayment": (
            "order",
            lambda: payments.LookUpOrderPayment(
                payment_lookup_pb2.LookUpOrderPaymentRequest(order_id=order_id), metadata=caller
            ),
        ),
        "/argosy.inventory.v1.ReservationService/ReserveStock": (
            "order",
            lambda: reservations.ReserveStock(
                reservation_pb2.ReserveStockRequest(order_id=other, items=[item]), metadata=caller
            ),
        ),
        "/argosy.inventory.v1.ReservationService/CommitReservation": (
            "order",
            lambda: reservations.CommitReservation(
                reservation_pb2.CommitReservationRequest(order_id=other), metadata=caller
            ),
        ),
        "/argosy.inventory.v1.ReservationService/ReleaseReservation": (
            "order",
            lambda: reservations.ReleaseReservation(
                reservation_pb2.ReleaseReservationRequest(order_id=other), metadata=caller
            ),
        ),
    }


async def test_internal_rpcs_are_not_exposed(
    channel: grpc.aio.Channel, stack: RealStack, shop: Shop, customer: Customer, before: Baseline
) -> None:
    """Whoever calls: a customer, nobody, or who has stolen a service's key."""
    order = await customer.order()
    was = await invariants.hold(stack, before)
    for path, (owner, _) in internal_rpcs(channel, (), order["id"]).items():
        for token in (customer.token, service_token(stack, owner), None):
            caller = bearer(token) if token else ()
            _, call = internal_rpcs(channel, caller, order["id"])[path]
            assert (await refused(call())).code is grpc.StatusCode.UNIMPLEMENTED
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            for url in (path, f"/api/v1{path}"):
                error = refusal(await shop.http.post(url, json={"orderId": order["id"]}, headers=headers))
                assert (error.status, error.reason) == (404, "NO_SUCH_ROUTE")
    assert await facts.gather(stack, before.since) == was


async def test_internal_rpcs_are_there_for_their_callers_alone(
    channel: grpc.aio.Channel, stack: RealStack, customer: Customer
) -> None:
    """At the services themselves: so it is the edge that keeps them in, and the services that know their callers."""
    order = await customer.order()
    for path in internal_rpcs(channel, (), order["id"]):
        service = path.split(".")[1]
        async with grpc.aio.insecure_channel(stack.grpc_target(service)) as direct:
            owner, _ = internal_rpcs(direct, (), order["id"])[path]
            strangers = {"notification", "order", "payment"} - {owner}
            for token in (customer.token, *(service_token(stack, name) for name in strangers)):
                _, call = internal_rpcs(direct, bearer(token), order["id"])[path]
                error = await refused(call())
                assert error.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
            _, call = internal_rpcs(direct, bearer(service_token(stack, owner)), order["id"])[path]
            # Let in, be it to hear that there is no such reservation.
            assert await outcome(call()) in (grpc.StatusCode.OK, grpc.StatusCode.NOT_FOUND)


async def test_browsers_of_our_apps_may_call_and_others_not(shop: Shop, customer: Customer) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,idempotency-key"}
    for origin in ("http://localhost:3000", "https://myapp.com"):
        preflight = await shop.http.options("/api/v1/orders", headers={"Origin": origin, **asked})
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == origin
        assert preflight.headers["access-control-allow-credentials"] == "true"
        assert preflight.headers["access-control-max-age"] == "3600"
        allowed = preflight.headers["access-control-allow-headers"].lower()
        assert all(name in allowed for name in ("authorization", "idempotency-key", "x-client-app", "content-type"))
        answer = await customer.call("GET", "/orders", headers={"Origin": origin})
        assert answer.headers["access-control-allow-origin"] == origin
        assert "retry-after" in answer.headers["access-control-expose-headers"].lower()
    stranger = {"Origin": "https://evil.example"}
    preflight = await shop.http.options("/api/v1/orders", headers={**stranger, **asked})
    answer = await customer.call("GET", "/orders", headers=stranger)
    assert "access-control-allow-origin" not in {*preflight.headers, *answer.headers}


async def test_every_answer_names_its_server_and_nothing_more(shop: Shop, customer: Customer) -> None:
    order = await customer.order()
    answers: list[httpx.Response] = [
        await customer.call("GET", f"/orders/{order['id']}"),
        await customer.call("GET", "/orders/42"),
        await shop.call("GET", "/orders"),
        await shop.call("GET", "/nothing"),
        await shop.http.get("/healthz"),
        await shop.http.get("/.well-known/jwks.json"),
    ]
    assert [answer.status_code for answer in answers] == [200, 400, 401, 404, 200, 200]
    for answer in answers:
        assert answer.headers["x-api-version"] == "v1"
        assert answer.headers["x-service-name"] == "api-gateway"
        assert not [name for name in answer.headers if name.startswith(("grpc-", "x-envoy", "x-http-code"))]
        assert "127.0.0.1" not in answer.text


async def test_the_keys_verify_the_tokens_that_customers_get(shop: Shop, customer: Customer) -> None:
    keys = answered(await shop.http.get("/.well-known/jwks.json"), 200)["keys"]
    kid = jwt.get_unverified_header(customer.token)["kid"]
    (key,) = [key for key in keys if key["kid"] == kid]
    assert not key.keys() & {"d", "k"}, "the public half alone"
    claims = jwt.decode(
        customer.token, jwt.PyJWK(key), algorithms=["EdDSA"], audience="https://api.myapp.com",
        issuer="https://argosy.local",
    )  # fmt: skip
    assert claims["sub"] == customer.id
    assert claims["exp"] - claims["iat"] == 24 * 3600


async def test_the_health_of_the_edge_is_serving(shop: Shop) -> None:
    assert answered(await shop.http.get("/healthz"), 200) == {"status": "SERVING"}


async def test_the_address_that_up_names_is_a_page(stack: RealStack) -> None:
    (address,) = re.findall(r"Argosy is up: (\S+)", stack.command("up"))
    async with httpx.AsyncClient() as browser:
        answer = await browser.get(address, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/html")
