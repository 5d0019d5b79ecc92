"""JSON with a duplicate key or an invalid number is refused with the field's name; other JSON passes unchanged."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.rpc import code_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from argosy.order.v1 import order_pb2
from argosy.payment.v1 import payment_pb2
from codegen.image import build_image, build_json_image
from services.chassis.rpc.contract import public_rpcs, read_contract
from tests.integration.edge.harness import FILES, ROOT, Edge, Issuer, Upstream, error_of

CREATE_ORDER = "/argosy.order.v1.OrderService/CreateOrder"
CREATE_REFUND = "/argosy.payment.v1.PaymentService/CreateRefund"
WEBHOOK = "/argosy.payment.v1.PaymentService/HandleStripeWebhook"
LINE = '{"productId": "prod-123", "quantity": 2}'
JSON = {"content-type": "application/json"}


async def refused(client: httpx.AsyncClient, issuer: Issuer, path: str, body: str) -> dict[str, str]:
    """What is wrong with which field."""
    answer = await client.post(path, content=body.encode(), headers={**JSON, **issuer.bearer()})
    assert answer.status_code == 400, answer.text
    assert error_of(answer) == (code_pb2.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    (found,) = [detail for detail in answer.json()["details"] if detail["@type"].endswith("BadRequest")]
    ((field, description),) = [(each["field"], each["description"]) for each in found["fieldViolations"]]
    assert answer.json()["message"] == f"{field}: {description}"
    return {field: description}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (f'{{"items": [{LINE}], "items": [{LINE}, {LINE}]}}', "items"),
        (f'{{"items": [{LINE}], "userId": "a", "user_id": "a"}}', "userId"),
        ('{"items": [{"quantity": 1}, {"quantity": 1, "price": {}, "quantity": 3}]}', "items[1].quantity"),
        ('{"shippingAddress": {"zipCode": "1", "x": [{}, "}"], "zip_code": "2"}}', "shippingAddress.zipCode"),
        ('{"items": [], "it\\u0065ms": []}', "items"),
        ('{"a": {"b": [[0, {"c": 1, "c": 1}]]}}', "a.b[0][1].c"),
    ],
)
async def test_a_key_that_is_there_twice(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer, body: str, field: str
) -> None:
    assert await refused(client, issuer, "/api/v1/orders", body) == {field: "must be there once"}
    assert upstream.calls == []


@pytest.mark.parametrize(
    "amount", ["0x10", "0X1p4", "1e1", "+16", "-16", " 16", "16 ", "16.", ".5", "1_6", "", "NaN", "Infinity", "\\u0031"]
)
async def test_an_amount_in_quotes_that_is_no_decimal(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer, amount: str
) -> None:
    found = await refused(client, issuer, "/api/v1/payments/p-1/refunds", f'{{"amount": "{amount}"}}')
    assert found == {"amount": 'must be a number, or a decimal in quotes such as "29.99"'}
    found = await refused(client, issuer, "/api/v1/orders", f'{{"items": [{{"price": "{amount}"}}]}}')
    assert set(found) == {"items[0].price"}
    assert upstream.calls == []


@pytest.mark.parametrize("quantity", ["0x10", "1_0", " 2", "2.5", ""])
async def test_a_whole_number_in_quotes_that_is_none(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer, quantity: str
) -> None:
    body = f'{{"items": [{{"productId": "prod-123", "quantity": "{quantity}"}}]}}'
    answer = await client.post("/api/v1/orders", content=body, headers={**JSON, **issuer.bearer()})
    assert (answer.status_code, error_of(answer)[0]) == (400, code_pb2.INVALID_ARGUMENT)
    assert upstream.calls == []


@pytest.mark.parametrize(("amount", "read"), [("16", 16.0), ('"16"', 16.0), ('"16.25"', 16.25), ("1.6e1", 16.0)])
async def test_an_amount_that_is_one(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer, amount: str, read: float
) -> None:
    body = f'{{"amount": {amount}}}'
    answer = await client.post("/api/v1/payments/p-1/refunds", content=body, headers={**JSON, **issuer.bearer()})
    assert answer.status_code == 200
    (call,) = upstream.called(CREATE_REFUND)
    assert call.request == payment_pb2.CreateRefundRequest(id="p-1", amount=read)


@pytest.mark.parametrize(
    "body",
    [
        "{items: [], items: []}",
        "{'items': []}",
        '{"items": [}}',
        '{"items": 0x10}',
        "]",
        '{"items',
        '"',
    ],
)
async def test_what_is_no_json_is_refused(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer, body: str
) -> None:
    answer = await client.post("/api/v1/orders", content=body, headers={**JSON, **issuer.bearer()})
    assert answer.status_code == 400
    assert error_of(answer) == (code_pb2.INVALID_ARGUMENT, "MALFORMED_REQUEST")
    assert upstream.calls == []


KEYS = st.text(st.characters(exclude_characters="_", exclude_categories=["Cs", "Cc"]), max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(-1e9, 1e9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


async def test_whatever_is_json_passes(
    running_edge: Edge, client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer
) -> None:
    bodies: list[str] = []

    @settings(max_examples=150, database=None, deadline=None)
    @given(VALUES, st.booleans())
    def make(value: Any, ascii_only: bool) -> None:
        bodies.append(json.dumps({"items": [], "x": value}, ensure_ascii=ascii_only))

    make()
    for body in bodies:
        answer = await client.post("/api/v1/orders", content=body.encode(), headers={**JSON, **issuer.bearer()})
        assert answer.status_code == 200, (body, answer.text)
    assert len(upstream.called(CREATE_ORDER)) == len(bodies)
    assert upstream.calls[0].request == order_pb2.CreateOrderRequest()


async def test_a_webhooks_bytes_are_stripes_business(client: httpx.AsyncClient, upstream: Upstream) -> None:
    body = b'{"amount": "0x10", "a": 1, "a": {not json'
    signed = {**JSON, "stripe-signature": "t=1,v1=abc"}
    answer = await client.post("/api/v1/webhooks/stripe?x=1", content=body, headers=signed)
    assert answer.status_code in (200, 400)  # a query is nobody's
    assert (await client.post("/api/v1/webhooks/stripe", content=body, headers=signed)).status_code == 200
    assert upstream.called(WEBHOOK)[-1].request.data == body  # type: ignore[attr-defined]


def test_the_names_are_those_of_the_contract() -> None:
    source = (ROOT / "envoy" / "json.lua").read_text(encoding="utf-8")
    decimals = _table(source, "DECIMALS")
    messages = [message for file in FILES for message in file.DESCRIPTOR.message_types_by_name.values()]
    doubles = {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT}
    assert decimals == {field.json_name for each in messages for field in each.fields if field.type in doubles}
    image = build_json_image()
    raw = {
        method["name"]
        for file in image["file"]
        for service in file.get("service", [])
        for method in service["method"]
        if method["inputType"] == ".google.api.HttpBody"
    }
    assert _table(source, "BYTES") == {
        rpc.route for _, rpc in public_rpcs(read_contract(build_image(source_info=False))) if rpc.name in raw
    }


def _table(source: str, name: str) -> set[str]:
    (entries,) = re.findall(rf"local {name} = \{{(.*)\}}", source)
    return set(re.findall(r'\[?"?([\w/]+)"?\]? = true', entries))
