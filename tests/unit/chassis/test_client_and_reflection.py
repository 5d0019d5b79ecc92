"""The retry configuration of gRPC, and what reflection may describe."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from argosy.inventory.v1 import product_pb2, reservation_pb2, reservation_pb2_grpc
from argosy.order.v1 import order_pb2
from services.chassis.rpc import policy
from services.chassis.rpc.client import ServiceChannel, service_config
from services.chassis.rpc.reflection import pool_of
from services.chassis.rpc.service_tokens import ServiceTokenSigner

ORDERS = order_pb2.DESCRIPTOR.services_by_name["OrderService"]
RESERVATIONS = reservation_pb2.DESCRIPTOR.services_by_name["ReservationService"]


def test_only_what_may_be_repeated_is() -> None:
    configs = {config["name"][0]["method"]: config for config in service_config(policy.read(ORDERS))["methodConfig"]}
    assert set(configs) == set(policy.read(ORDERS).methods)
    assert configs["CreateOrder"] == {
        "name": [{"service": "argosy.order.v1.OrderService", "method": "CreateOrder"}],
        "timeout": "30.000s",
    }
    assert configs["GetOrder"]["retryPolicy"]["maxAttempts"] == 3
    assert configs["GetOrder"]["retryPolicy"]["retryableStatusCodes"] == ("UNAVAILABLE", "CANCELLED")


async def test_a_stub_that_was_not_started_raises() -> None:
    signer = ServiceTokenSigner("order", Ed25519PrivateKey.generate())
    channel = ServiceChannel("127.0.0.1:1", policy.read(RESERVATIONS), signer)
    stub = reservation_pb2_grpc.ReservationServiceStub(channel)
    with pytest.raises(RuntimeError, match="before the app started it"):
        await stub.ReserveStock(reservation_pb2.ReserveStockRequest())
    await channel.stop()


def test_a_pool_holds_the_public_files_and_what_they_import() -> None:
    products = product_pb2.DESCRIPTOR.services_by_name["ProductService"]
    pool = pool_of([products])
    assert "GetProduct" in pool.FindServiceByName("argosy.inventory.v1.ProductService").methods_by_name
    assert pool.FindFileByName("argosy/policy/v1/policy.proto").package == "argosy.policy.v1"
    with pytest.raises(KeyError):
        pool.FindServiceByName("argosy.inventory.v1.ReservationService")
