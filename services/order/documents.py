"""Commits and orders as MongoDB documents, and back.

Names are those of the API's JSON, amounts are decimal strings ("29.99" USD, "1000" JPY),
instants are BSON dates (milliseconds).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from argosy.event.v1.order_events_pb2 import OrderCreated as OrderCreatedMessage
from argosy.event.v1.order_events_pb2 import OrderStatusUpdated as OrderStatusUpdatedMessage
from services.chassis import events
from services.chassis.money import Money
from services.order.domain import (
    Address,
    Commit,
    Line,
    Order,
    OrderCreated,
    OrderEvent,
    OrderStatusUpdated,
    Reason,
    Status,
)

Document = Mapping[str, Any]

_CREATED = events.kind_of(OrderCreatedMessage).type
_STATUS_UPDATED = events.kind_of(OrderStatusUpdatedMessage).type


def commit_to_document(commit: Commit) -> dict[str, Any]:
    """A new commit: what it says never changes, only `published` (and `settled`) do."""
    document = {
        "_id": commit.id,
        "orderId": commit.order_id,
        "version": commit.version,
        "events": [_event_to_document(event) for event in commit.events],
        "at": commit.at,
        "token": commit.token,
        "published": commit.published,
    }
    optional = {"fingerprint": commit.fingerprint, "cause": commit.cause, "traceparent": commit.traceparent}
    return document | {name: value for name, value in optional.items() if value is not None}


def commit_from_document(document: Document) -> Commit:
    """The commit in a document. Raises KeyError or ValueError for one that is none."""
    return Commit(
        order_id=document["orderId"],
        version=document["version"],
        at=document["at"],
        events=tuple(_event_from_document(event) for event in document["events"]),
        token=document["token"],
        fingerprint=document.get("fingerprint"),
        cause=document.get("cause"),
        traceparent=document.get("traceparent"),
        published=document["published"],
    )


def order_to_document(order: Order) -> dict[str, Any]:
    """An order for the read side."""
    return {
        "_id": order.id,
        "userId": order.user_id,
        "items": _lines_to_documents(order.lines, order.currency),
        "totalAmount": order.total.text,
        "currency": order.currency,
        "status": str(order.status),
        "shippingAddress": _address_to_document(order.shipping_address),
        "createdAt": order.created_at,
        "updatedAt": order.updated_at,
        "version": order.version,
    }


def order_from_document(document: Document) -> Order:
    """The order in a document of the read side."""
    return Order(
        id=document["_id"],
        user_id=document["userId"],
        lines=_lines_from_documents(document["items"], document["currency"]),
        total_minor=_minor(document["totalAmount"], document["currency"]),
        currency=document["currency"],
        status=Status(document["status"]),
        shipping_address=_address_from_document(document["shippingAddress"]),
        created_at=document["createdAt"],
        updated_at=document["updatedAt"],
        version=document["version"],
    )


def _event_to_document(event: OrderEvent) -> dict[str, Any]:
    if isinstance(event, OrderCreated):
        return {
            "type": _CREATED,
            "orderId": event.order_id,
            "userId": event.user_id,
            "items": _lines_to_documents(event.lines, event.currency),
            "currency": event.currency,
            "shippingAddress": _address_to_document(event.shipping_address),
        }
    return {
        "type": _STATUS_UPDATED,
        "orderId": event.order_id,
        "userId": event.user_id,
        "status": str(event.status),
        "previousStatus": str(event.previous_status),
        "reason": str(event.reason),
    }


def _event_from_document(document: Document) -> OrderEvent:
    if document["type"] == _CREATED:
        return OrderCreated(
            order_id=document["orderId"],
            user_id=document["userId"],
            lines=_lines_from_documents(document["items"], document["currency"]),
            currency=document["currency"],
            shipping_address=_address_from_document(document["shippingAddress"]),
        )
    if document["type"] == _STATUS_UPDATED:
        return OrderStatusUpdated(
            order_id=document["orderId"],
            user_id=document["userId"],
            status=Status(document["status"]),
            previous_status=Status(document["previousStatus"]),
            reason=Reason(document["reason"]),
        )
    raise ValueError(f"a commit holds an event of the unknown type {document['type']}")


def _lines_to_documents(lines: Sequence[Line], currency: str) -> list[dict[str, Any]]:
    return [
        {"productId": line.product_id, "quantity": line.quantity, "price": Money(line.price_minor, currency).text}
        for line in lines
    ]


def _lines_from_documents(documents: Sequence[Document], currency: str) -> tuple[Line, ...]:
    return tuple(Line(line["productId"], line["quantity"], _minor(line["price"], currency)) for line in documents)


def _minor(amount: str, currency: str) -> int:
    return Money.kept(Decimal(amount), currency).minor


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
