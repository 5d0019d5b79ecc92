"""What a request may hold: the contract's rules, no NUL, well-formed headers. A bad one never reaches the handler."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from tests.integration.chassis.rpc.conftest import Lab, refusal_of
from tests.integration.chassis.rpc.lab_contract import lab_pb2

Probe, Line = lab_pb2.Probe, lab_pb2.Line


@pytest.mark.parametrize(
    ("probe", "fields"),
    [
        (Probe(text="x" * 21), {"text"}),
        (Probe(order_lines=[Line(quantity=1), Line(quantity=11), Line(quantity=-1)]),
         {"orderLines[1].quantity", "orderLines[2].quantity"}),
        (Probe(text="x" * 21, number=float("nan")), {"text", "number"}),
        (Probe(text="a\0b"), {"text"}),
        (Probe(order_lines=[Line(product_id="\0")]), {"orderLines[0].productId"}),
        (Probe(labels={"a": "\0"}), {'labels["a"]'}),
        (Probe(labels={"\0": "a"}), {'labels["\\0"]'}),
    ],
)  # fmt: skip
async def test_bad_input_names_every_field(lab: Lab, probe: Any, fields: set[str]) -> None:
    refusal = await refusal_of(lab.stub.Anyone(probe))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(refusal.violations) == fields
    assert all(description and field in refusal.message for field, description in refusal.violations.items())
    assert lab.rpc.calls == []


async def test_zero_bytes_outside_strings_are_fine(lab: Lab) -> None:
    probe = Probe(number=2.0, raw=b"\0\0", labels={"a": "b"}, order_lines=[Line()])
    await lab.stub.Anyone(probe)
    assert lab.rpc.calls[0][0] == probe


async def test_a_refusal_of_very_many_fields_still_arrives(lab: Lab) -> None:
    refusal = await refusal_of(lab.stub.Anyone(Probe(order_lines=[Line(quantity=11)] * 100)))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert "orderLines[0].quantity" in refusal.violations
    assert len(refusal.violations) > 5


async def test_a_body_that_is_no_message_is_bad_input(lab: Lab) -> None:
    send_bytes = lab.channel.unary_unary("/lab.v1.LabService/Anyone")
    refusal = await refusal_of(send_bytes(b"\xff\xff\xff"))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert lab.rpc.calls == []


async def test_a_request_has_the_size_of_its_rpc(lab: Lab) -> None:
    kilobytes = Probe(raw=b"x" * 300 * 1024)
    refusal = await refusal_of(lab.stub.Anyone(kilobytes))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "BODY_TOO_LARGE")
    assert lab.rpc.calls == []
    await lab.stub.Create(kilobytes)
    assert len(lab.rpc.calls) == 1


async def test_a_request_larger_than_any_rpc_takes_is_not_read(lab: Lab) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await lab.stub.Create(Probe(raw=b"x" * 1_100_000))
    assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert lab.rpc.calls == []


@pytest.mark.parametrize("key", ["k", "x" * 255, "a b~!", "7f1d3f7e-54d4-4c8e-9a0b-0d6c1e7a9f01"])
async def test_an_idempotency_key_reaches_the_handler(lab: Lab, key: str) -> None:
    await lab.stub.Create(Probe(), metadata=(("idempotency-key", key),))
    assert lab.rpc.calls[0][1].idempotency_key == key


async def test_no_idempotency_key_is_none(lab: Lab) -> None:
    await lab.stub.Create(Probe())
    assert lab.rpc.calls[0][1].idempotency_key is None


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_malformed_idempotency_key_is_bad_input(lab: Lab, key: str) -> None:
    refusal = await refusal_of(lab.stub.Create(Probe(), metadata=(("idempotency-key", key),)))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.violations == {"Idempotency-Key": "must be 1 to 255 printable ASCII characters"}
    assert lab.rpc.calls == []


@pytest.mark.parametrize(("sent", "known"), [(None, "web-app"), ("web-app", "web-app"), ("mobile-app", "mobile-app")])
async def test_the_client_app_is_one_that_we_know(lab: Lab, sent: str | None, known: str) -> None:
    await lab.stub.Anyone(Probe(), metadata=(("x-client-app", sent),) if sent else ())
    assert lab.rpc.calls[0][1].client_app == known


async def test_another_client_app_is_bad_input(lab: Lab) -> None:
    refusal = await refusal_of(lab.stub.Anyone(Probe(), metadata=(("x-client-app", "toaster"),)))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.violations == {"X-Client-App": "must be one of web-app, mobile-app"}
    assert lab.rpc.calls == []


async def test_identity_comes_before_validation(lab: Lab) -> None:
    refusal = await refusal_of(lab.stub.SignedIn(Probe(text="x" * 21)))
    assert refusal.code is grpc.StatusCode.UNAUTHENTICATED
    assert refusal.violations == {}


async def test_what_a_call_brings_along(lab: Lab) -> None:
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    headers = (("traceparent", traceparent), ("x-request-id", "r-1"), ("x-client-address", "203.0.113.7"))
    await lab.stub.Anyone(Probe(), metadata=(*headers, ("blob-bin", b"\0\1")), timeout=3)
    await lab.stub.Anyone(Probe(), metadata=(("traceparent", "nonsense"),))

    (_, limited), (_, unlimited) = lab.rpc.calls
    assert (limited.traceparent, limited.request_id, limited.client_address) == (traceparent, "r-1", "203.0.113.7")
    assert limited.metadata["blob-bin"] == b"\0\1"
    assert "blob-bin" not in repr(limited)
    assert unlimited.client_address == "127.0.0.1"
    assert unlimited.request_id == unlimited.traceparent[3:35] != traceparent[3:35]
    assert limited.deadline < unlimited.deadline
