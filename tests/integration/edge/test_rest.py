"""JSON over REST becomes gRPC and comes back."""

import json
import math
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from argosy.inventory.v1 import product_pb2
from argosy.order.v1 import order_pb2
from argosy.payment.v1 import payment_pb2
from argosy.user.v1 import user_pb2
from tests.integration.edge.harness import Context, Edge, Issuer, Upstream, error_of, until

CREATE_ORDER = "/argosy.order.v1.OrderService/CreateOrder"
GET_ORDER = "/argosy.order.v1.OrderService/GetOrder"
LIST_ORDERS = "/argosy.order.v1.OrderService/ListOrders"
LOGIN = "/argosy.user.v1.UserService/Login"
WEBHOOK = "/argosy.payment.v1.PaymentService/HandleStripeWebhook"


async def created(_: Any, context: Context) -> Message:
    await context.send_initial_metadata((("x-http-code", "201"),))
    return order_pb2.Order(id="o-1", status="pending")


async def test_a_create_answers_201(client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer) -> None:
    upstream.answer(CREATE_ORDER, created)
    order = {"items": [{"productId": "prod-123", "quantity": 2, "price": 29.99}], "shippingAddress": {"zipCode": "1"}}
    answer = await client.post("/api/v1/orders", json=order, headers=issuer.bearer())
    assert answer.status_code == 201
    assert (answer.json()["id"], answer.json()["status"]) == ("o-1", "pending")
    assert "x-http-code" not in answer.headers
    assert not [name for name in answer.headers if name.startswith("grpc-")]
    (call,) = upstream.called(CREATE_ORDER)
    assert call.request == order_pb2.CreateOrderRequest(
        items=[order_pb2.OrderItemRequest(product_id="prod-123", quantity=2, price=29.99)],
        shipping_address=order_pb2.ShippingAddress(zip_code="1"),
    )


async def test_anything_else_answers_200_and_leaves_nothing_out(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer
) -> None:
    answer = await client.get("/api/v1/orders?pageSize=7&status=pending", headers=issuer.bearer())
    assert answer.status_code == 200
    assert answer.json() == {"orders": [], "nextPageToken": ""}
    (call,) = upstream.called(LIST_ORDERS)
    assert call.request == order_pb2.ListOrdersRequest(page_size=7, status="pending")


async def test_a_path_names_its_resource_and_its_verb(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer
) -> None:
    await client.post("/api/v1/payments/p-1:confirm", json={}, headers=issuer.bearer())
    await client.get("/api/v1/users/me", headers=issuer.bearer())
    await client.patch("/api/v1/orders/o-1/status", json={"status": "cancelled"}, headers=issuer.bearer())
    assert [call.request for call in upstream.calls] == [
        payment_pb2.ConfirmPaymentRequest(id="p-1"),
        user_pb2.GetUserRequest(id="me"),
        order_pb2.UpdateOrderStatusRequest(id="o-1", status="cancelled"),
    ]


async def test_a_webhook_arrives_as_the_bytes_that_were_sent(client: httpx.AsyncClient, upstream: Upstream) -> None:
    body = b'{"b" : 1,\r\n  "a":2}\x00\xff'
    headers = {"content-type": "application/json; charset=utf-8", "stripe-signature": "t=1,v1=abc"}

    async def received(_: Any, __: Context) -> Message:
        return payment_pb2.WebhookReceipt(received=True)

    upstream.answer(WEBHOOK, received)
    answer = await client.post("/api/v1/webhooks/stripe", content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"received": True})
    (call,) = upstream.called(WEBHOOK)
    assert call.request.data == body  # type: ignore[attr-defined]
    assert call.metadata["stripe-signature"] == "t=1,v1=abc"


async def test_a_services_error_keeps_its_details(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer
) -> None:
    upstream.answer(CREATE_ORDER, out_of_stock)
    answer = await client.post("/api/v1/orders", json={}, headers=issuer.bearer())
    assert answer.status_code == 400
    assert error_of(answer) == (code_pb2.FAILED_PRECONDITION, "OUT_OF_STOCK")
    assert answer.json()["message"] == "not enough stock"
    bad_request = answer.json()["details"][1]
    assert bad_request["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert bad_request["fieldViolations"][0]["field"] == "items[0].quantity"
    assert answer.headers["retry-after"] == "7"


async def out_of_stock(_: Any, context: Context) -> Message:
    """A full error, as a service sends it."""
    status = status_pb2.Status(code=code_pb2.FAILED_PRECONDITION, message="not enough stock")
    violation = error_details_pb2.BadRequest.FieldViolation(field="items[0].quantity", description="2 are left")
    for detail in (
        error_details_pb2.ErrorInfo(reason="OUT_OF_STOCK", domain="argosy"),
        error_details_pb2.BadRequest(field_violations=[violation]),
    ):
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    trailers = (("grpc-status-details-bin", status.SerializeToString()), ("retry-after", "7"))
    await context.abort(grpc.StatusCode.FAILED_PRECONDITION, status.message, trailers)
    raise AssertionError("abort raises")


async def test_a_big_answer_passes(client: httpx.AsyncClient, upstream: Upstream) -> None:
    async def big(_: Any, __: Context) -> Message:
        return product_pb2.Product(description="x" * 3_000_000)

    upstream.answer("/argosy.inventory.v1.ProductService/GetProduct", big)
    assert len((await client.get("/api/v1/products/p")).json()["description"]) == 3_000_000


@pytest.mark.parametrize("content", [b'{"email": ', b"[1, 2]", b'{"email": 1}', b"\xff\xfe", b'{"email": {"x": 1}}'])
async def test_json_that_cannot_be_read_is_400(client: httpx.AsyncClient, upstream: Upstream, content: bytes) -> None:
    answer = await client.post("/api/v1/users/login", content=content)
    assert answer.status_code == 400
    assert error_of(answer) == (code_pb2.INVALID_ARGUMENT, "MALFORMED_REQUEST")
    assert not upstream.called(LOGIN)


async def test_unknown_body_fields_are_ignored_and_unknown_query_parameters_are_not(
    client: httpx.AsyncClient, upstream: Upstream
) -> None:
    assert (await client.post("/api/v1/users/login", json={"colour": "blue"})).status_code == 200
    upstream.forget()
    answer = await client.get("/api/v1/products?colour=blue")
    assert answer.status_code == 400
    assert error_of(answer) == (code_pb2.INVALID_ARGUMENT, "MALFORMED_REQUEST")
    assert "colour" in answer.json()["message"]
    assert not upstream.calls


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/v1/products"),
        ("GET", "/api/v1/users/login/x"),
        ("DELETE", "/api/v1/orders/1"),
        ("GET", "/api/v1/nothing"),
        ("GET", "/"),
        ("POST", "/.well-known/jwks.json"),
    ],
)
async def test_a_wrong_method_and_an_unknown_path_are_404(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer, method: str, path: str
) -> None:
    answer = await client.request(method, path, headers=issuer.bearer())
    assert answer.status_code == 404
    assert error_of(answer) == (code_pb2.NOT_FOUND, "NO_SUCH_ROUTE")
    assert not upstream.calls


NONSENSE = {
    "x-odd!name": "1",
    "x~": "1",
    "x-a-bin": "no base64!",
    "grpc-timeout": "10m, 10500m",
    "grpc-encoding": "rot13",
    "grpc-previous-rpc-attempts": "x",
    "grpc-trace-bin": "no base64!",
}


@pytest.mark.parametrize("name", NONSENSE)
async def test_headers_that_grpc_cannot_read_go_no_further(
    client: httpx.AsyncClient, upstream: Upstream, name: str
) -> None:
    answer = await client.get("/api/v1/products/p", headers={name: NONSENSE[name], "x-fine": "yes"})
    assert answer.status_code == 200
    (call,) = upstream.calls
    assert name not in call.metadata
    assert call.metadata["x-fine"] == "yes"


@pytest.mark.parametrize("path", ["/api/v1/orders/a%2Fb", "/api/v1/orders/..%2fusers%2fme", "/api/v1/orders/a%5Cb"])
async def test_escaped_slashes_are_refused(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer, path: str
) -> None:
    answer = await client.get(path, headers=issuer.bearer())
    assert answer.status_code == 400
    assert error_of(answer) == (code_pb2.INVALID_ARGUMENT, "MALFORMED_REQUEST")
    assert answer.headers["x-api-version"] == "v1"
    assert not upstream.calls


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/products", "/api/v1/nothing", "/api/v1/orders"])
async def test_every_answer_names_its_server(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.headers.get_list("x-api-version") == ["v1"]
    assert answer.headers.get_list("x-service-name") == ["api-gateway"]


async def test_the_root_has_health_and_keys(client: httpx.AsyncClient, issuer: Issuer) -> None:
    health = await client.get("/healthz")
    assert (health.status_code, health.json()) == (200, {"status": "SERVING"})
    keys = await client.get("/.well-known/jwks.json")
    assert (keys.status_code, keys.json()) == (200, issuer.jwks())


async def test_a_call_brings_how_long_it_may_take(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer
) -> None:
    left: list[float] = []

    async def note(_: Any, context: Context) -> Message:
        left.append(context.time_remaining())
        return order_pb2.Order()

    upstream.answer(CREATE_ORDER, note)
    await client.post("/api/v1/orders", json={}, headers=issuer.bearer())
    await client.post("/api/v1/orders", json={}, headers={**issuer.bearer(), "grpc-timeout": "5000m"})
    assert [math.ceil(seconds) for seconds in left] == [31, 5]


async def test_nobody_is_there_is_503(client: httpx.AsyncClient, issuer: Issuer) -> None:
    answer = await client.get("/api/v1/notifications", headers=issuer.bearer())
    assert answer.status_code == 503
    assert error_of(answer) == (code_pb2.UNAVAILABLE, "UNAVAILABLE")
    assert int(answer.headers["retry-after"]) >= 1
    assert "127.0.0.1" not in answer.text
    assert "www-authenticate" not in answer.headers


async def test_the_access_log_has_the_call_and_no_secret(
    client: httpx.AsyncClient, running_edge: Edge, issuer: Issuer
) -> None:
    bearer = issuer.bearer(sub="somebody-in-the-log")
    await client.get("/api/v1/orders?pageToken=secret-page", headers={**bearer, "idempotency-key": "secret-key"})

    async def logged() -> bool:
        return "somebody-in-the-log" in running_edge.log.read_text()

    await until(logged, "the call is in the access log")
    line = next(line for line in running_edge.log.read_text().splitlines() if "somebody-in-the-log" in line)
    entry = json.loads(line)
    assert (entry["method"], entry["path"], entry["route"]) == ("GET", "/api/v1/orders", "order.ListOrders")
    assert (entry["status"], entry["grpc_status"]) == (200, "OK")
    assert entry["request_id"]
    log = running_edge.log.read_text()
    assert "secret" not in log
    assert bearer["authorization"].rpartition(".")[2] not in log
