"""MongoDB: one client a process.

Ids are kept as strings (the driver refuses a UUID object rather than guess its form), instants are aware and in UTC.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any, TypeAlias

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pydantic import SecretStr
from pymongo.errors import ConfigurationError, ConnectionFailure, OperationFailure, PyMongoError

from services.chassis import transient
from services.chassis.errors import Unavailable

Document: TypeAlias = dict[str, Any]

POOL_SIZE = 10
SELECT_SECONDS = 5.0
SOCKET_SECONDS = 45.0
_WAIT_FOR_CONNECTION_SECONDS = 2.0
_INTERNAL_ERROR = 1
"""The server is in trouble itself: what FerretDB answers while the PostgreSQL behind it is away."""

transient.register(ConnectionFailure)


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
        """Ask the server something."""
        if self._check_client is None:
            raise Unavailable
        await self._check_client.admin.command("ping")

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
    except ConnectionFailure as error:
        raise Unavailable from error
    except PyMongoError as error:
        if error.timeout or (isinstance(error, OperationFailure) and error.code == _INTERNAL_ERROR):
            raise Unavailable from error
        raise


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
