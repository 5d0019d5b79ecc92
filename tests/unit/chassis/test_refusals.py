"""Reading the error of a refused call to another service."""

from __future__ import annotations

import grpc
from grpc.aio import Metadata

from services.chassis.plain.errors import FieldViolation
from services.chassis.rpc.refusals import refusal_of
from services.chassis.rpc.statuses import Catalogue, Fault


class _SoldOut(Exception):
    violations = (FieldViolation("items[0].quantity", "must be at most 3"),)


def _error(*trailers: tuple[str, str | bytes]) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(
        grpc.StatusCode.FAILED_PRECONDITION, Metadata(), Metadata(*trailers), details="too little"
    )


def test_a_refusal_of_ours_has_its_reason_and_its_fields() -> None:
    catalogue = Catalogue({_SoldOut: Fault(grpc.StatusCode.FAILED_PRECONDITION, "SOLD_OUT")})
    status = catalogue.status_of(_SoldOut("too little")).SerializeToString()

    refusal = refusal_of(_error(("retry-after", "1"), ("grpc-status-details-bin", status)))

    assert refusal.code is grpc.StatusCode.FAILED_PRECONDITION
    assert refusal.reason == "SOLD_OUT"
    assert refusal.message == "too little"
    assert refusal.violations == [FieldViolation("items[0].quantity", "must be at most 3")]


def test_a_refusal_without_details_has_none() -> None:
    refusal = refusal_of(_error())

    assert (refusal.reason, refusal.violations, refusal.message) == ("", [], "too little")


def test_details_that_cannot_be_read_are_none() -> None:
    assert refusal_of(_error(("grpc-status-details-bin", b"\xff\xff"))).reason == ""
