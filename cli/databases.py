"""The services' stores, for as long as a command takes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from pymongo.errors import PyMongoError

from cli.environment import NoSystem
from services.chassis.errors import Unavailable
from services.chassis.mongo import Mongo
from services.chassis.postgres import Postgres


class OrderDocuments(BaseSettings):
    """Where the order service keeps its documents."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    mongo_url: SecretStr


@asynccontextmanager
async def documents(settings: OrderDocuments) -> AsyncIterator[Mongo]:
    """The order service's documents. Raises NoSystem while they are away."""
    mongo = Mongo(settings.mongo_url)
    try:
        await mongo.start()
        yield mongo
    except (Unavailable, PyMongoError) as error:
        raise NoSystem("the documents of the order service are away: is it up? (`make status`)") from error
    finally:
        await mongo.stop()


@asynccontextmanager
async def database(service: str, url: SecretStr) -> AsyncIterator[Postgres]:
    """The service's database, its schema as it is. Raises NoSystem while it is away."""
    postgres = Postgres(url, "argosy-cli", size=1)
    try:
        await postgres.start()
        yield postgres
    except (OSError, Unavailable, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError) as error:
        raise NoSystem(f"the database of the {service} service does not answer: is it up? (`make status`)") from error
    finally:
        await postgres.stop()
