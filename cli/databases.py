"""A service's PostgreSQL, for as long as a command takes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from pydantic import SecretStr

from cli.environment import NoSystem
from services.chassis.errors import Unavailable
from services.chassis.postgres import Postgres


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
