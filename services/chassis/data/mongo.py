"""MongoDB: one client per process.

Ids are stored as strings, because the driver refuses UUID objects. Instants are timezone-aware and in UTC.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pydantic import AfterValidator, SecretStr
from pymongo import WriteConcern
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)
from pymongo.read_concern import ReadConcern
from pymongo.uri_parser import parse_uri

from services.chassis.plain import transient
from services.chassis.plain.errors import Unavailable
from services.chassis.process.trouble import Trouble

Document: TypeAlias = dict[str, Any]

POOL_SIZE = 10
SELECT_SECONDS = 5.0
SOCKET_SECONDS = 45.0
_WAIT_FOR_CONNECTION_SECONDS = 2.0
_LASTING_CODES = frozenset(
    {
        1,  # InternalError: FerretDB's answer while its PostgreSQL is unavailable, read-only or full
        13,  # Unauthorized: a privilege was revoked from our user
        18,  # AuthenticationFailed: the password was rotated
        146,  # ExceededMemoryLimit
        8000,  # AtlasError: authentication, authorization, quotas
        14031,  # OutOfDiskSpace
    }
)
"""Errors that a ping on an open connection does not detect, and that may last until an operator acts."""
_PASSING_CODES = _LASTING_CODES | {
    *(6, 7, 89, 9001),  # network errors between servers
    *(24, 46, 50, 112, 202, 262),  # LockTimeout, LockBusy, MaxTimeMSExpired, WriteConflict, time limits exceeded
    *(43, 175, 237),  # CursorNotFound, QueryPlanKilled, CursorKilled
    *(91, 189, 10107, 11600, 11602, 13435, 13436),  # no longer primary, or shutting down
    *(133, 134),  # no server satisfies the read preference or concern yet
}
"""Transient error codes: the same command succeeds later.
https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml"""

_trouble = Trouble()


def passes(error: BaseException) -> bool:
    """Whether an error of the driver is transient: the store's problem, not an invalid command."""
    if isinstance(error, (ConnectionFailure, WriteConcernError)):  # too few acknowledgements
        return True
    if not isinstance(error, PyMongoError):
        return False
    return error.timeout or (isinstance(error, OperationFailure) and _PASSING_CODES.issuperset(_codes(error)))


def remember(error: PyMongoError) -> None:
    """Let `Mongo.check` report the error for a while, if it lasts until an operator acts."""
    if isinstance(error, WriteConcernError) or (
        isinstance(error, OperationFailure) and not _LASTING_CODES.isdisjoint(_codes(error))
    ):
        _trouble.note(error)


def _codes(error: OperationFailure) -> Collection[int | None]:
    """Those of each failed write of a bulk; none if only acknowledgements are missing."""
    if isinstance(error, BulkWriteError):
        return [write["code"] for write in error.details["writeErrors"]]
    return [error.code]


transient.register_test(passes)


def _mongo_url(secret: SecretStr) -> SecretStr:
    """Validate as the driver does, but without DNS. Raises ValueError; its message does not contain the URL."""
    scheme, _, rest = secret.get_secret_value().partition("://")
    try:
        database = parse_uri(f"mongodb://{rest}", validate=True, warn=False)["database"]
    except (PyMongoError, ValueError):
        database = None
    if scheme not in ("mongodb", "mongodb+srv") or not database:
        raise ValueError(
            "must be mongodb://[user:password@]host[:port]/database, with options that the driver supports; "
            "write / ? # @ : and % inside a user or password as %2F %3F %23 %40 %3A %25"
        )
    return secret


MongoUrl = Annotated[SecretStr, AfterValidator(_mongo_url)]
"""`mongodb://user:password@host:port/database`, or mongodb+srv."""


class Mongo:
    """The client: a Resource.

    Args:
        url: `mongodb://user:password@host:port/database`. Using `database` raises ValueError if it names no database.
    """

    name = "mongo"

    def __init__(self, url: SecretStr | str) -> None:
        self._url = url.get_secret_value() if isinstance(url, SecretStr) else url
        self._client: AsyncIOMotorClient[Document] | None = None
        self._check_client: AsyncIOMotorClient[Document] | None = None
        self._collections: dict[tuple[str, bool], AsyncIOMotorCollection[Document]] = {}

    @property
    def database(self) -> AsyncIOMotorDatabase[Document]:
        """The database that the URL names. Raises Unavailable before `start` and after `stop`."""
        if self._client is None:
            raise Unavailable
        try:
            return self._client.get_default_database()
        except ConfigurationError:
            raise ValueError("the MongoDB URL names no database") from None

    def collection(self, name: str, *, by_majority: bool = False) -> AsyncIOMotorCollection[Document]:
        """A collection of `database`. The object is kept, because making one costs a tenth of a command.

        Args:
            name: its name.
            by_majority: on a replica set, writes wait for a majority of the servers, and reads see only what a majority
                has: neither can be lost with one server.

        Raises Unavailable before `start` and after `stop`.
        """
        collection = self._collections.get((name, by_majority))
        if collection is None:
            collection = self.database[name]
            if by_majority:
                collection = collection.with_options(
                    write_concern=WriteConcern("majority"), read_concern=ReadConcern("majority")
                )
            self._collections[name, by_majority] = collection
        return collection

    async def start(self) -> None:
        """Connect. Raises while the server is unavailable."""
        self._client = self._client or self._open(POOL_SIZE)
        # A separate client, so that a check does not queue behind the service's work.
        self._check_client = self._check_client or self._open(1)
        await self.check()

    async def stop(self) -> None:
        """Close all connections."""
        for client in (self._client, self._check_client):
            if client is not None:
                client.close()
        self._client = self._check_client = None
        self._collections.clear()

    async def server_time(self) -> datetime:
        """The time of the server's clock. Raises Unavailable while the server is unavailable."""
        with unavailable_when_away():
            database = self.database
            answer = await database.command("hello", codec_options=database.codec_options)  # else naive
        time: datetime = answer["localTime"]
        return time

    async def check(self) -> None:
        """Ping the server.

        Raises:
            Unavailable: before `start` and after `stop`.
            PyMongoError: the server is unavailable.
            Impaired: the server answers, but failed within the last 20 s with a lasting error (`remember`).
        """
        if self._check_client is None:
            raise Unavailable
        await self._check_client.admin.command("ping")
        _trouble.check()

    def _open(self, connections: int) -> AsyncIOMotorClient[Document]:
        return AsyncIOMotorClient(
            self._url,
            maxPoolSize=connections,
            serverSelectionTimeoutMS=_milliseconds(SELECT_SECONDS),
            connectTimeoutMS=_milliseconds(SELECT_SECONDS),
            socketTimeoutMS=_milliseconds(SOCKET_SECONDS),
            waitQueueTimeoutMS=_milliseconds(_WAIT_FOR_CONNECTION_SECONDS),
            tz_aware=True,
        )


@contextlib.contextmanager
def unavailable_when_away() -> Iterator[None]:
    """Convert transient errors, such as an unavailable server or a pool without a free connection, to Unavailable.

    Stores wrap their calls in it. A write that fails like this may have had an effect: make writes repeatable.
    """
    try:
        yield
    except PyMongoError as error:
        if not passes(error):
            raise
        remember(error)
        raise Unavailable from error


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
