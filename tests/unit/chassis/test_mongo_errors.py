"""Which of the driver's errors mean that the document store is away."""

from __future__ import annotations

import pytest
from pymongo.errors import (
    AutoReconnect,
    DuplicateKeyError,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteError,
)

from services.chassis.errors import Unavailable
from services.chassis.mongo import unavailable_when_away


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect("connection closed"),
        NetworkTimeout("timed out"),
        ServerSelectionTimeoutError("nobody there"),
        WaitQueueTimeoutError("no free connection"),
        ExecutionTimeout("took too long"),
        OperationFailure("[collection.go:109] failed to connect to `user=ferretdb`", code=1),
        WriteError("FATAL: terminating connection due to administrator command", code=1),
    ],
)
def test_a_store_that_is_away_is_unavailable_and_its_words_stay_inside(error: PyMongoError) -> None:
    with pytest.raises(Unavailable) as told, unavailable_when_away():
        raise error
    assert told.value.__cause__ is error
    assert str(told.value) == str(Unavailable())


@pytest.mark.parametrize("error", [DuplicateKeyError("E11000"), OperationFailure("no such command", code=59)])
def test_a_refusal_is_none(error: PyMongoError) -> None:
    with pytest.raises(type(error)), unavailable_when_away():
        raise error
