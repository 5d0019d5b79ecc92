"""Which of the driver's errors mean that the document store is away."""

from __future__ import annotations

import pytest
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    CursorNotFound,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteConcernError,
    WriteError,
    WTimeoutError,
)

from services.chassis.data import mongo
from services.chassis.data.mongo import unavailable_when_away
from services.chassis.plain.errors import Unavailable
from services.chassis.plain.transient import is_transient
from services.chassis.process.trouble import Trouble


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process would remember these errors in the next tests."""
    monkeypatch.setattr(mongo, "_trouble", Trouble())


def bulk(*codes: int) -> BulkWriteError:
    """Of a bulk of writes, those with these codes failed."""
    return BulkWriteError({"writeErrors": [{"code": code} for code in codes], "writeConcernErrors": []})


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
        NotPrimaryError("not primary", {"code": 10107}),
        OperationFailure("not primary and secondaryOk=false", code=13435),
        OperationFailure("Authentication failed.", code=18),
        OperationFailure("not authorized on shop", code=13),
        WriteError("no space left on device", code=14031),
        WriteConcernError("waiting for replication timed out", code=64),
        WTimeoutError("waiting for replication timed out", code=64),
        CursorNotFound("cursor id 1 not found", code=43),
        OperationFailure("WriteConflict", code=112),
        OperationFailure("majority commit point is not known yet", code=134),
        bulk(112, 10107),
        bulk(),  # written, and not acknowledged by enough servers
    ],
)
def test_a_store_that_is_away_is_unavailable_and_its_words_stay_inside(error: PyMongoError) -> None:
    with pytest.raises(Unavailable) as raised, unavailable_when_away():
        raise error
    assert raised.value.__cause__ is error
    assert str(raised.value) == str(Unavailable())
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        DuplicateKeyError("E11000", code=11000),
        OperationFailure("no such command", code=59),
        OperationFailure("BadValue", code=2),
        WriteError("BSONObjectTooLarge", code=10334),
        DocumentTooLarge("too large"),
        bulk(112, 11000),
    ],
)
def test_a_refusal_is_none(error: PyMongoError) -> None:
    with pytest.raises(type(error)), unavailable_when_away():
        raise error
    assert not is_transient(error)
