"""Queries each service's store for its part of an order's story."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import UUID

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

import services
from cli.databases import OrderDocuments, database, documents
from cli.environment import settings_of
from services.chassis.data.postgres import Connection
from services.chassis.data.story import Moment, event_types, inbox_moments
from services.order.adapters import story as order
from services.order.adapters.commits import MongoCommits

StoryQuery = Callable[[Connection, UUID], Awaitable[list[Moment]]]


def _with_a_story() -> Mapping[str, tuple[StoryQuery, str]]:
    """The services on PostgreSQL with a module `adapters/story.py`, by name."""
    found: dict[str, tuple[StoryQuery, str]] = {}
    for path in sorted(Path(services.__path__[0]).glob("*/adapters/story.py")):
        adapters = f"services.{path.parents[1].name}.adapters"
        story = importlib.import_module(f"{adapters}.story")
        if story.SERVICE != order.SERVICE:
            found[story.SERVICE] = (story.story_of, importlib.import_module(f"{adapters}.unit_of_work").CONSUMER)
    return found


_ON_POSTGRES = _with_a_story()
"""The query of a service's part, and the consumer name under which its inbox stores events."""

SERVICES: Sequence[str] = (order.SERVICE, *_ON_POSTGRES)
"""The services that store data about orders."""


class _Database(BaseSettings):
    """Connection settings of a service's database."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    database_url: SecretStr


async def collect(order_id: UUID, asked: Collection[str]) -> list[Moment]:
    """What these services store about the order, unsorted. Raises NoSystem if a store is unreachable."""
    moments = []
    if order.SERVICE in asked:
        async with documents(settings_of(order.SERVICE, OrderDocuments)) as mongo:
            moments += await order.story_of(MongoCommits(mongo), order_id)
    async with AsyncExitStack() as opened:
        connections = {service: await _connect(opened, service) for service in _ON_POSTGRES if service in asked}
        for service, connection in connections.items():
            query, _ = _ON_POSTGRES[service]
            moments += await query(connection, order_id)
        types = event_types(moments)  # of all services: an inbox records the events of other services
        for service, connection in connections.items():
            _, consumer = _ON_POSTGRES[service]
            moments += await inbox_moments(connection, service, consumer, types)
    return moments


async def _connect(opened: AsyncExitStack, service: str) -> Connection:
    url = settings_of(service, _Database).database_url
    postgres = await opened.enter_async_context(database(service, url))
    connection: Connection = await opened.enter_async_context(postgres.connection())
    return connection
