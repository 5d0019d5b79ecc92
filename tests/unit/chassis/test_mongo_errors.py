"""Which errors of MongoDB's driver are transient."""

from __future__ import annotations

import pytest
from pymongo.errors import AutoReconnect, BulkWriteError, DuplicateKeyError, OperationFailure, PyMongoError

from services.chassis.data import mongo


def bulk(*codes: int) -> BulkWriteError:
    """Of a bulk of writes, those with these codes failed."""
    return BulkWriteError({"writeErrors": [{"code": code} for code in codes], "writeConcernErrors": []})


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (AutoReconnect("closed"), True),
        (OperationFailure("no longer primary", 10107), True),
        (OperationFailure("no such command", 59), False),
        (DuplicateKeyError("taken", 11000), False),
        (bulk(112, 10107), True),
        (bulk(112, 11000), False),
        (bulk(), True),  # written, and not acknowledged by enough servers
    ],
)
def test_what_succeeds_later_is_transient(error: PyMongoError, passes: bool) -> None:
    assert mongo.passes(error) is passes
