"""Which errors pass by themselves."""

from __future__ import annotations

import socket

import asyncpg
import grpc
import pytest
from pymongo.errors import AutoReconnect, DuplicateKeyError, ServerSelectionTimeoutError

from services.chassis.bus.producer import NotDelivered
from services.chassis.data import mongo, postgres
from services.chassis.plain.errors import DeadlineExceeded, IdempotencyInFlight, NotFound, Unavailable
from services.chassis.plain.transient import is_transient


def from_a_call(code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata())


@pytest.mark.parametrize(
    "error",
    [
        Unavailable(),
        DeadlineExceeded(),
        IdempotencyInFlight(),
        NotDelivered(),
        ConnectionRefusedError(),
        TimeoutError(),
        socket.gaierror(),
        OSError("Multiple exceptions: [Errno 111] Connect call failed"),
        asyncpg.ConnectionDoesNotExistError(),
        asyncpg.CannotConnectNowError(),
        asyncpg.DeadlockDetectedError(),
        asyncpg.ReadOnlySQLTransactionError(),
        asyncpg.DiskFullError(),
        asyncpg.InvalidPasswordError(),
        asyncpg.InvalidCachedStatementError(),
        ExceptionGroup("in a task group", [Unavailable(), asyncpg.DiskFullError()]),
        AutoReconnect(),
        ServerSelectionTimeoutError(),
        from_a_call(grpc.StatusCode.UNAVAILABLE),
        from_a_call(grpc.StatusCode.DEADLINE_EXCEEDED),
    ],
    ids=repr,
)
def test_passes_by_itself(error: Exception) -> None:
    assert postgres.Postgres.name
    assert mongo.Mongo.name
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        ValueError(),
        KeyError(),
        NotFound(),
        FileNotFoundError(),
        PermissionError(),
        asyncpg.UniqueViolationError(),
        asyncpg.UndefinedTableError(),
        asyncpg.NumericValueOutOfRangeError(),
        asyncpg.FeatureNotSupportedError(),
        asyncpg.InterfaceError("cannot perform operation: another operation is in progress"),
        ExceptionGroup("in a task group", [Unavailable(), KeyError()]),
        DuplicateKeyError("twice"),
        from_a_call(grpc.StatusCode.INVALID_ARGUMENT),
        from_a_call(grpc.StatusCode.INTERNAL),
    ],
    ids=repr,
)
def test_stays(error: Exception) -> None:
    assert not is_transient(error)
