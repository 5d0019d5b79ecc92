"""MongoDB: one client a process.

Ids are kept as strings (the driver refuses a UUID object rather than guess its form), instants are aware and in UTC.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pydantic import AfterValidator, SecretStr
from pymongo.errors import ConfigurationError, ConnectionFailure, OperationFailure, PyMongoError, WriteConcernError
from pymongo.uri_parser import parse_uri

from services.chassis import transient
from services.chassis.errors import Unavailable
from services.chassis.trouble import Trouble

Document: TypeAlias = dict[str, Any]

POOL_SIZE = 10
SELECT_SECONDS = 5.0
SOCKET_SECONDS = 45.0
_WAIT_FOR_CONNECTION_SECONDS = 2.0
_STANDING_CODES = frozenset(
    {
        1,  # InternalError: what FerretDB answers while the PostgreSQL behind it is away, read-only or full
        13,  # Unauthorized: a right that was taken from our user
        18,  # AuthenticationFailed: a password that was rotated
        146,  # ExceededMemoryLimit
        8000,  # AtlasError: both of the former, and quotas
        14031,  # OutOfDiskSpace
    }
)
"""Trouble that a ping on an open connection does not notice, and that may stay until somebody acts."""
_PASSING_CODES = _STANDING_CODES | {
    *(6, 7, 89, 9001),  # the network between servers
    *(24, 46, 50, 112, 202, 262),  # LockTimeout, LockBusy, MaxTimeMSExpired, WriteConflict, times exceeded
    *(43, 175, 237),  # CursorNotFound, QueryPlanKilled, CursorKilled
    *(91, 189, 10107, 11600, 11602, 13435, 13436),  # a primary that is none any more, a server that stops
    *(133, 134),  # no server fits the read preference or concern yet
}
"""Codes that say nothing about the command: the same one succeeds once the trouble has passed.
https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml"""

_trouble = Trouble()


def passes(error: BaseException) -> bool:
    """Whether an error of the driver's is the store's passing trouble rather than a fault of what was asked of it."""
    if isinstance(error, (ConnectionFailure, WriteConcernError)):  # the latter: too few servers have it, or in time
        return True
    if not isinstance(error, PyMongoError):
        return False
    return error.timeout or (isinstance(error, OperationFailure) and error.code in _PASSING_CODES)


def remember(error: PyMongoError) -> None:
    """Have the check name the error for a while, if it is of those that stay until somebody acts."""
    if isinstance(error, WriteConcernError) or (isinstance(error, OperationFailure) and error.code in _STANDING_CODES):
        _trouble.note(error)


transient.register_test(passes)


def _mongo_url(secret: SecretStr) -> SecretStr:
    """As the driver reads it, without the look-up that mongodb+srv:// needs. Raises ValueError without any of it."""
    scheme, _, rest = secret.get_secret_value().partition("://")
    try:
        database = parse_uri(f"mongodb://{rest}", validate=True, warn=False)["database"]
    except (PyMongoError, ValueError):
        database = None
    if scheme not in ("mongodb", "mongodb+srv") or not database:
        raise ValueError(
            "must be mongodb://[user:password@]host[:port]/database, with options that the driver knows; "
            "write / ? # @ : and % inside a user or password as %2F %3F %23 %40 %3A %25"
        )
    return secret


MongoUrl = Annotated[SecretStr, AfterValidator(_mongo_url)]
"""`mongodb://user:password@host:port/database`, or mongodb+srv."""


class Mongo:
    """The client: a Resource.

    Args:
        url: `mongodb://user:password@host:port/database`; the database's name is part of it. Raises ValueError without.
    """

    name = "mongo"

    def __init__(self, url: SecretStr | str) -> None:
        self._url = url.get_secret_value() if isinstance(url, SecretStr) else url
        self._client: AsyncIOMotorClient[Document] | None = None
        self._check_client: AsyncIOMotorClient[Document] | None = None

    @property
    def database(self) -> AsyncIOMotorDatabase[Document]:
        """The database that the URL names. Raises Unavailable before `start` and after `stop`."""
        if self._client is None:
            raise Unavailable
        try:
            return self._client.get_default_database()
        except ConfigurationError:
            raise ValueError("the MongoDB URL names no database") from None

    def collection(self, name: str) -> AsyncIOMotorCollection[Document]:
        """A collection of that database."""
        return self.database[name]

    async def start(self) -> None:
        """Reach the server. Raises while it is away."""
        self._client = self._client or self._open(POOL_SIZE)
        # A client of its own, so that a check never queues behind the service's own work.
        self._check_client = self._check_client or self._open(1)
        await self.check()

    async def stop(self) -> None:
        """Close all connections."""
        for client in (self._client, self._check_client):
            if client is not None:
                client.close()
        self._client = self._check_client = None

    async def server_time(self) -> datetime:
        """What the server's own clock says. Raises Unavailable while it is away."""
        with unavailable_when_away():
            database = self.database
            answer = await database.command("hello", codec_options=database.codec_options)  # its own have no zones
        told: datetime = answer["localTime"]
        return told

    async def check(self) -> None:
        """Ask the server something.

        Raises:
            Unavailable: before `start` and after `stop`.
            PyMongoError: it is away.
            Impaired: it answers, and within the last 20 s it refused work for a reason of its own (`remember`).
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
    """Tell a server that is away or in trouble, or a pool without a free connection, as Unavailable.

    A store puts it around its calls. A write that was under way then may have taken effect: make it one that can be
    repeated.
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
