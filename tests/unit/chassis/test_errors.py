"""Every error of the chassis is in the catalogue, and nothing else gets out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from services.chassis.plain import errors
from services.chassis.plain.errors import AppError, FieldViolation, InvalidArgument, NotFound, Unavailable
from services.chassis.rpc.statuses import CHASSIS_FAULTS, Catalogue, Fault


def _all_app_errors(base: type[AppError] = AppError) -> list[type[AppError]]:
    direct = [error for error in base.__subclasses__() if error.__module__ == errors.__name__]
    return direct + [further for error in direct for further in _all_app_errors(error)]


def _make(error: type[AppError]) -> AppError:
    return InvalidArgument([FieldViolation("a", "must be b")]) if error is InvalidArgument else error()


def _detail(status: status_pb2.Status, kind: type) -> Any:
    for packed in status.details:
        detail = kind()
        if packed.Unpack(detail):
            return detail
    return None


@pytest.mark.parametrize("error", _all_app_errors())
def test_every_error_is_catalogued_and_has_a_message(error: type[AppError]) -> None:
    status = Catalogue({}).status_of(_make(error))
    assert error in CHASSIS_FAULTS
    assert status.code == CHASSIS_FAULTS[error].status.value[0]
    assert status.message not in ("", AppError.default_message)
    assert status.code not in (grpc.StatusCode.INTERNAL.value[0], grpc.StatusCode.UNKNOWN.value[0])


def test_no_two_errors_share_a_reason() -> None:
    reasons = [fault.reason for fault in CHASSIS_FAULTS.values()]
    assert len(set(reasons)) == len(reasons)
    assert set(CHASSIS_FAULTS) == set(_all_app_errors())


@pytest.mark.parametrize("error", [RuntimeError("secret"), AppError("secret"), KeyError("secret"), TimeoutError()])
def test_what_is_not_catalogued_is_internal_without_details(error: Exception) -> None:
    status = Catalogue({}).status_of(error)
    assert (status.code, status.message) == (grpc.StatusCode.INTERNAL.value[0], "internal error")
    assert b"secret" not in status.SerializeToString()


def test_an_uncatalogued_errors_attributes_stay_inside_too() -> None:
    error = AppError("secret", violations=[FieldViolation("secret", "secret")], metadata={"secret": "secret"})
    assert b"secret" not in Catalogue({}).status_of(error).SerializeToString()


def test_a_domains_plain_exception_is_described_by_its_attributes() -> None:
    class OutOfStock(Exception):
        violations = (("items[1].quantity", "only 3 left"),)
        metadata: ClassVar = {"productId": "prod-1"}
        retry_after = timedelta(milliseconds=1500)

    status = Catalogue({OutOfStock: Fault(grpc.StatusCode.FAILED_PRECONDITION, "OUT_OF_STOCK")}).status_of(
        OutOfStock("not enough of prod-1")
    )
    assert (status.code, status.message) == (9, "not enough of prod-1")
    info = _detail(status, error_details_pb2.ErrorInfo)
    assert info == error_details_pb2.ErrorInfo(reason="OUT_OF_STOCK", domain="argosy", metadata={"productId": "prod-1"})
    bad = _detail(status, error_details_pb2.BadRequest)
    assert [(v.field, v.description) for v in bad.field_violations] == [("items[1].quantity", "only 3 left")]
    retry = _detail(status, error_details_pb2.RetryInfo)
    assert retry.retry_delay.ToTimedelta() == timedelta(milliseconds=1500)


def test_details_without_content_are_left_out() -> None:
    status = Catalogue({}).status_of(NotFound())
    assert len(status.details) == 1


def test_the_nearest_ancestor_decides_and_a_service_may_decide_otherwise() -> None:
    class Gone(NotFound):
        pass

    class LongGone(Gone):
        pass

    catalogue = Catalogue({Gone: Fault(grpc.StatusCode.FAILED_PRECONDITION, "GONE")})
    assert catalogue.fault_of(LongGone()) == Fault(grpc.StatusCode.FAILED_PRECONDITION, "GONE")
    assert catalogue.fault_of(NotFound()) == CHASSIS_FAULTS[NotFound]
    assert catalogue.fault_of(ValueError()) is None


def test_invalid_argument_names_its_fields_in_the_message() -> None:
    error = InvalidArgument([FieldViolation("a", "must be b"), FieldViolation("c.d", "must be e")])
    assert str(error) == "a: must be b; c.d: must be e"
    assert str(InvalidArgument([], "not a message")) == "not a message"


@pytest.mark.parametrize("status", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_unavailable_and_exhausted_always_have_a_retry_delay(status: grpc.StatusCode) -> None:
    class Busy(Exception):
        """A domain's own, without a word about when."""

    class LongBusy(Busy):
        retry_after = timedelta(seconds=7)

    catalogue = Catalogue({Busy: Fault(status, "BUSY")})
    for error, seconds in ((Busy(), 1), (LongBusy(), 7)):
        assert catalogue.retry_after_of(error) == timedelta(seconds=seconds)
        retry = _detail(catalogue.status_of(error), error_details_pb2.RetryInfo)
        assert retry.retry_delay.ToTimedelta() == timedelta(seconds=seconds)


def test_others_have_a_retry_delay_only_when_it_is_known() -> None:
    catalogue = Catalogue({})
    assert catalogue.retry_after_of(NotFound()) is None
    assert catalogue.retry_after_of(NotFound(retry_after=timedelta(seconds=3))) == timedelta(seconds=3)
    assert catalogue.retry_after_of(RuntimeError()) is None
    assert catalogue.retry_after_of(Unavailable()) == timedelta(seconds=1)


def test_a_status_stays_small_enough_for_headers() -> None:
    violations = [FieldViolation(f"items[{index}].{'x' * 500}", "é" * 1000) for index in range(100)]
    status = Catalogue({}).status_of(InvalidArgument(violations))
    assert len(status.SerializeToString()) * 4 / 3 + len(status.message) * 6 < 8000
    bad = _detail(status, error_details_pb2.BadRequest)
    assert bad.field_violations[0].field.startswith("items[0].xxx")
