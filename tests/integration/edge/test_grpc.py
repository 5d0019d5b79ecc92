"""gRPC beside REST on the same port: public rpcs, untouched."""

import grpc
import httpx
import pytest
from google.rpc import code_pb2, error_details_pb2, status_pb2

from argosy.inventory.v1 import product_pb2, product_pb2_grpc, reservation_pb2, reservation_pb2_grpc
from argosy.order.v1 import order_lookup_pb2, order_lookup_pb2_grpc, order_pb2, order_pb2_grpc
from argosy.payment.v1 import payment_lookup_pb2, payment_lookup_pb2_grpc
from tests.integration.edge.grpc_web import GRPC_WEB, framed, status_of
from tests.integration.edge.harness import Edge, Issuer, Upstream, error_of
from tests.integration.edge.test_rest import CREATE_ORDER, GET_ORDER, NONSENSE, created, out_of_stock

GET_PRODUCT = "/argosy.inventory.v1.ProductService/GetProduct"
LIST_NOTIFICATIONS = "/argosy.notification.v1.NotificationService/ListNotifications"


def metadata(issuer: Issuer) -> list[tuple[str, str]]:
    return list(issuer.bearer().items())


async def test_a_call_and_its_answer_pass(channel: grpc.aio.Channel, upstream: Upstream, issuer: Issuer) -> None:
    upstream.answer(CREATE_ORDER, created)
    orders = order_pb2_grpc.OrderServiceStub(channel)
    request = order_pb2.CreateOrderRequest(items=[order_pb2.OrderItemRequest(product_id="p", quantity=1)])
    order = await orders.CreateOrder(request, metadata=[*metadata(issuer), ("idempotency-key", "k-1")])
    assert order == order_pb2.Order(id="o-1", status="pending")
    (call,) = upstream.called(CREATE_ORDER)
    assert call.request == request
    assert call.metadata["idempotency-key"] == "k-1"


async def test_a_public_rpc_needs_no_token(channel: grpc.aio.Channel, upstream: Upstream) -> None:
    await product_pb2_grpc.ProductServiceStub(channel).ListProducts(product_pb2.ListProductsRequest())
    assert len(upstream.calls) == 1


async def test_a_services_error_keeps_its_details(
    channel: grpc.aio.Channel, upstream: Upstream, issuer: Issuer
) -> None:
    upstream.answer(CREATE_ORDER, out_of_stock)
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await order_pb2_grpc.OrderServiceStub(channel).CreateOrder(
            order_pb2.CreateOrderRequest(), metadata=metadata(issuer)
        )
    trailers = dict(failure.value.trailing_metadata())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    assert (status.code, status.message) == (code_pb2.FAILED_PRECONDITION, "not enough stock")
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert status.details[0].Unpack(info)
    assert status.details[1].Unpack(bad_request)
    assert info.reason == "OUT_OF_STOCK"
    assert bad_request.field_violations[0].field == "items[0].quantity"


@pytest.mark.parametrize("token", [None, "hello"])
async def test_a_missing_or_bad_token_is_unauthenticated(
    channel: grpc.aio.Channel, upstream: Upstream, token: str | None
) -> None:
    sent = [("authorization", f"Bearer {token}")] if token else []
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await order_pb2_grpc.OrderServiceStub(channel).GetOrder(order_pb2.GetOrderRequest(), metadata=sent)
    assert failure.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert not upstream.calls


async def test_internal_rpcs_are_not_there(channel: grpc.aio.Channel, upstream: Upstream, issuer: Issuer) -> None:
    reservations = reservation_pb2_grpc.ReservationServiceStub(channel)
    internal = [
        (reservations.ReserveStock, reservation_pb2.ReserveStockRequest()),
        (reservations.CommitReservation, reservation_pb2.CommitReservationRequest()),
        (reservations.ReleaseReservation, reservation_pb2.ReleaseReservationRequest()),
        (reservations.LookUpReservations, reservation_pb2.LookUpReservationsRequest()),
        (order_lookup_pb2_grpc.OrderLookupServiceStub(channel).LookUpOrder, order_lookup_pb2.LookUpOrderRequest()),
        (
            payment_lookup_pb2_grpc.PaymentLookupServiceStub(channel).LookUpOrderPayment,
            payment_lookup_pb2.LookUpOrderPaymentRequest(),
        ),
    ]
    for rpc, request in internal:
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await rpc(request, metadata=metadata(issuer))
        assert failure.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert not upstream.calls


@pytest.mark.parametrize("content_type", ["application/json", "application/grpc-web+proto", "application/grpc"])
@pytest.mark.parametrize(
    "path",
    [
        "/argosy.inventory.v1.ReservationService/ReleaseReservation",
        "//argosy.inventory.v1.ReservationService/ReleaseReservation",
        "/argosy.order.v1.OrderService/../../argosy.inventory.v1.ReservationService/ReleaseReservation",
        "/grpc.health.v1.Health/Check",
    ],
)
async def test_internal_rpcs_are_not_there_by_any_other_way(
    client: httpx.AsyncClient, running_edge: Edge, upstream: Upstream, issuer: Issuer, path: str, content_type: str
) -> None:
    headers = {**issuer.bearer(), "content-type": content_type, "te": "trailers"}
    answer = await client.post(f"{running_edge.url}{path}", content=b"\0\0\0\0\0", headers=headers)
    if content_type == "application/json":
        assert answer.status_code == 404
        assert error_of(answer) == (code_pb2.NOT_FOUND, "NO_SUCH_ROUTE")
    else:
        assert int(answer.headers["grpc-status"]) == code_pb2.UNIMPLEMENTED
    assert not upstream.calls


async def test_a_public_rpc_is_no_rest_path(client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer) -> None:
    answer = await client.post(GET_ORDER, json={"id": "1"}, headers=issuer.bearer())
    assert answer.status_code == 404
    assert not upstream.calls


async def test_a_missing_upstream_is_unavailable_without_details(channel: grpc.aio.Channel, issuer: Issuer) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await channel.unary_unary(LIST_NOTIFICATIONS)(b"", metadata=metadata(issuer))
    assert failure.value.code() is grpc.StatusCode.UNAVAILABLE
    assert failure.value.details() == "the service is temporarily unavailable; try again later"


async def test_a_message_over_ten_megabytes_is_refused(
    channel: grpc.aio.Channel, upstream: Upstream, issuer: Issuer
) -> None:
    request = order_pb2.CreateOrderRequest(user_id="x" * 11_000_000)
    with pytest.raises(grpc.aio.AioRpcError):
        await order_pb2_grpc.OrderServiceStub(channel).CreateOrder(request, metadata=metadata(issuer))
    assert not upstream.calls


@pytest.mark.parametrize("name", NONSENSE)
async def test_ones_nonsense_breaks_no_other_call(
    client: httpx.AsyncClient, channel: grpc.aio.Channel, upstream: Upstream, name: str
) -> None:
    """All callers share the edge's connections to a service, and those remember headers that they could not read."""
    for _ in range(3):
        headers = {"content-type": GRPC_WEB, "grpc-timeout": "9S", name: NONSENSE[name]}
        answer = await client.post(GET_PRODUCT, content=framed(product_pb2.GetProductRequest(id="p")), headers=headers)
        assert status_of(answer) == code_pb2.OK
        products = product_pb2_grpc.ProductServiceStub(channel)
        await products.GetProduct(product_pb2.GetProductRequest(id="p"), timeout=19)
    assert len(upstream.calls) == 6
