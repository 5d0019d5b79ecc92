"""Commits and orders ↔ MongoDB documents.

Names are those of the API's JSON; ids are text, amounts are decimal strings ("29.99" USD, "1000" JPY), instants are
BSON dates (milliseconds).

Each stored event has a version, `v`, absent where it is 1. Older ones pass through UPCASTERS while they are read, so
everything else here knows the newest only (docs/adr/0018). Fields that this version does not know are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

from argosy.event.v1.order_events_pb2 import OrderCreated as OrderCreatedMessage
from argosy.event.v1.order_events_pb2 import OrderStatusUpdated as OrderStatusUpdatedMessage
from services.chassis.bus import events
from services.chassis.plain.money import Money
from services.chassis.plain.upcasting import FIRST, Upcasters, upcast
from services.order.domain.facts import Fact, OrderCreated, OrderStatusUpdated
from services.order.domain.history import Commit
from services.order.domain.orders import Address, Line, Order, Reason, Status

Document = Mapping[str, Any]

_CREATED = events.kind_of(OrderCreatedMessage).type
_STATUS_UPDATED = events.kind_of(OrderStatusUpdatedMessage).type

NEWEST: Mapping[str, int] = MappingProxyType({_CREATED: 1, _STATUS_UPDATED: 1})
"""The version in which each type of event is stored."""
UPCASTERS: Upcasters[Document] = MappingProxyType({})
"""For each version before the newest: its event → the same event in the next version."""


def commit_to_document(commit: Commit) -> dict[str, Any]:
    """A new commit. Only its `published` (and `settled`) ever change."""
    document = {
        "_id": commit.id,
        "orderId": str(commit.order_id),
        "version": commit.version,
        "events": [_with_version(_event_to_document(event)) for event in commit.events],
        "at": commit.at,
        "token": commit.token,
        "published": commit.published,
    }
    cause = str(commit.cause) if commit.cause else None
    optional = {"fingerprint": commit.fingerprint, "cause": cause, "traceparent": commit.traceparent}
    return document | {name: value for name, value in optional.items() if value is not None}


def commit_from_document(document: Document) -> Commit:
    """The commit in a document. Raises KeyError or ValueError if it cannot be read."""
    cause = document.get("cause")
    return Commit(
        order_id=UUID(document["orderId"]),
        version=document["version"],
        at=document["at"],
        events=tuple(_event_from_document(event) for event in document["events"]),
        token=document["token"],
        fingerprint=document.get("fingerprint"),
        cause=UUID(cause) if cause else None,
        traceparent=document.get("traceparent"),
        published=document["published"],
    )


def order_to_document(order: Order) -> dict[str, Any]:
    """An order as the read side shows it."""
    return {
        "_id": str(order.id),
        "userId": str(order.user_id),
        "items": _lines_to_documents(order.lines),
        "totalAmount": order.total.text,
        "currency": order.total.currency,
        "status": str(order.status),
        "shippingAddress": _address_to_document(order.shipping_address),
        "createdAt": order.created_at,
        "updatedAt": order.updated_at,
        "version": order.version,
    }


def order_from_document(document: Document) -> Order:
    """The order in a document of the read side."""
    return Order(
        id=UUID(document["_id"]),
        user_id=UUID(document["userId"]),
        lines=_lines_from_documents(document["items"], document["currency"]),
        total=_money(document["totalAmount"], document["currency"]),
        status=Status(document["status"]),
        shipping_address=_address_from_document(document["shippingAddress"]),
        created_at=document["createdAt"],
        updated_at=document["updatedAt"],
        version=document["version"],
    )


def _event_to_document(event: Fact) -> dict[str, Any]:
    if isinstance(event, OrderCreated):
        return {
            "type": _CREATED,
            "orderId": str(event.order_id),
            "userId": str(event.user_id),
            "items": _lines_to_documents(event.lines),
            "currency": event.total.currency,
            "shippingAddress": _address_to_document(event.shipping_address),
        }
    return {
        "type": _STATUS_UPDATED,
        "orderId": str(event.order_id),
        "userId": str(event.user_id),
        "status": str(event.status),
        "previousStatus": str(event.previous_status),
        "reason": str(event.reason),
    }


def _with_version(document: Document) -> Document:
    newest = NEWEST[document["type"]]
    return document if newest == FIRST else {**document, "v": newest}


def _event_from_document(stored: Document) -> Fact:
    kind = stored["type"]
    document = upcast(UPCASTERS, kind, stored.get("v", FIRST), NEWEST.get(kind, FIRST), stored)
    if kind == _CREATED:
        return OrderCreated(
            order_id=UUID(document["orderId"]),
            user_id=UUID(document["userId"]),
            lines=_lines_from_documents(document["items"], document["currency"]),
            shipping_address=_address_from_document(document["shippingAddress"]),
        )
    if kind == _STATUS_UPDATED:
        return OrderStatusUpdated(
            order_id=UUID(document["orderId"]),
            user_id=UUID(document["userId"]),
            status=Status(document["status"]),
            previous_status=Status(document["previousStatus"]),
            reason=Reason(document["reason"]),
        )
    raise ValueError(f"a commit holds an event of the unknown type {kind}")


def _lines_to_documents(lines: Sequence[Line]) -> list[dict[str, Any]]:
    return [{"productId": line.product_id, "quantity": line.quantity, "price": line.price.text} for line in lines]


def _lines_from_documents(documents: Sequence[Document], currency: str) -> tuple[Line, ...]:
    return tuple(Line(line["productId"], line["quantity"], _money(line["price"], currency)) for line in documents)


def _money(amount: str, currency: str) -> Money:
    return Money.kept(Decimal(amount), currency)


def _address_to_document(address: Address) -> dict[str, str]:
    return {
        "street": address.street,
        "city": address.city,
        "state": address.state,
        "zipCode": address.zip_code,
        "country": address.country,
    }


def _address_from_document(document: Document) -> Address:
    return Address(
        street=document["street"],
        city=document["city"],
        state=document["state"],
        zip_code=document["zipCode"],
        country=document["country"],
    )
