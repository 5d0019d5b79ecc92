"""Asks each service's store for its part of an order's story."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from uuid import UUID

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from pymongo.errors import PyMongoError

from cli.databases import database
from cli.environment import NoSystem, settings_of
from services.chassis.errors import Unavailable
from services.chassis.mongo import Mongo
from services.chassis.postgres import Connection
from services.chassis.story import Moment, event_types, inbox_moments
from services.inventory import story as inventory
from services.inventory.consumers import GROUP as INVENTORY_GROUP
from services.notification import story as notification
from services.order import story as order
from services.order.store import CommitStore
from services.payment import story as payment
from services.payment.consumers import GROUP as PAYMENT_GROUP

Tell = Callable[[Connection, UUID], Awaitable[list[Moment]]]

_ON_POSTGRES: Mapping[str, Tell] = {
    payment.SERVICE: payment.story_of,
    inventory.SERVICE: inventory.story_of,
    notification.SERVICE: notification.story_of,
}
_INBOXES: Mapping[str, str] = {payment.SERVICE: PAYMENT_GROUP, inventory.SERVICE: INVENTORY_GROUP}
"""Under which consumer a service's inbox keeps events. (The others notice a repeat by what they stored.)"""

SERVICES: Sequence[str] = (order.SERVICE, *_ON_POSTGRES)
"""The services that know of orders."""


class _Database(BaseSettings):
    """Where a service keeps its rows."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    database_url: SecretStr


class _Documents(BaseSettings):
    """Where the order service keeps its documents."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    mongo_url: SecretStr


async def collect(order_id: UUID, services: Collection[str]) -> list[Moment]:
    """What these services know of the order, unsorted. Raises NoSystem when a store does not answer."""
    moments = []
    if order.SERVICE in services:
        moments += await _order(order_id)
    for service in filter(services.__contains__, _ON_POSTGRES):
        moments += await _rows(service, order_id)
    types = event_types(moments)
    for service in filter(services.__contains__, _INBOXES):
        moments += await _handled(service, types)
    return moments


async def _order(order_id: UUID) -> list[Moment]:
    mongo = Mongo(settings_of(order.SERVICE, _Documents).mongo_url)
    try:
        await mongo.start()
        return await order.story_of(CommitStore(mongo), str(order_id))
    except (Unavailable, PyMongoError) as error:
        raise NoSystem("the documents of the order service are away: is it up? (`make status`)") from error
    finally:
        await mongo.stop()


async def _rows(service: str, order_id: UUID) -> list[Moment]:
    url = settings_of(service, _Database).database_url
    async with database(service, url) as postgres, postgres.connection() as connection:
        return await _ON_POSTGRES[service](connection, order_id)


async def _handled(service: str, types: Mapping[UUID, str]) -> list[Moment]:
    url = settings_of(service, _Database).database_url
    async with database(service, url) as postgres, postgres.connection() as connection:
        return await inbox_moments(connection, service, _INBOXES[service], types)
