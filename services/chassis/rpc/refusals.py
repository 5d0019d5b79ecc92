"""The error details of a failed call to another service of ours, for code that acts on the reason.

    except grpc.aio.AioRpcError as error:
        refusal = refusal_of(error)
        if refusal.reason == "OUT_OF_STOCK": ...

An AioRpcError that is not caught becomes UNAVAILABLE for our own caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from services.chassis.plain.errors import FieldViolation

_STATUS = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status other than OK, as statuses.py encodes it."""

    code: grpc.StatusCode
    reason: str
    """The stable reason (ErrorInfo). Empty if the status does not come from one of our services."""
    message: str
    violations: Sequence[FieldViolation]
    """The invalid fields, by their paths in the called rpc's request."""


def refusal_of(error: grpc.aio.AioRpcError) -> Refusal:
    """Decode the error of a call. Details that are missing or invalid are empty."""
    status = _rich_status(error)
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        for known in (info, bad_request):
            if detail.Is(known.DESCRIPTOR):
                detail.Unpack(known)
    return Refusal(
        code=error.code(),
        reason=info.reason,
        message=error.details() or "",
        violations=[FieldViolation(found.field, found.description) for found in bad_request.field_violations],
    )


def _rich_status(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    for name, value in error.trailing_metadata() or ():
        if name == _STATUS and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                break
    return status_pb2.Status()
