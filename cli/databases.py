"""Connections to the stores of services, open for the duration of a command."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from pymongo.errors import PyMongoError

from cli.environment import NoSystem
from services.chassis.data.mongo import Mongo
from services.chassis.data.postgres import Postgres
from services.chassis.plain.errors import Unavailable


class OrderDocuments(BaseSettings):
    """Connection settings of the order service's document store."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    mongo_url: SecretStr


@asynccontextmanager
async def documents(settings: OrderDocuments) -> AsyncIterator[Mongo]:
    """Connect to the order service's document store. Raises NoSystem if it is unreachable."""
    mongo = Mongo(settings.mongo_url)
    try:
        await mongo.start()
        yield mongo
    except (Unavailable, PyMongoError) as error:
        raise NoSystem("the document store of the order service is unreachable: is it up? (`make status`)") from error
    finally:
        await mongo.stop()


@asynccontextmanager
async def database(service: str, url: SecretStr) -> AsyncIterator[Postgres]:
    """Connect to the service's database without migrating it. Raises NoSystem if it is unreachable."""
    postgres = Postgres(url, "argosy-cli", size=1)
    try:
        await postgres.start()
        yield postgres
    except (OSError, Unavailable, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError) as error:
        raise NoSystem(f"the database of the {service} service does not answer: is it up? (`make status`)") from error
    finally:
        await postgres.stop()
