"""What is stored reads back as what it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

import bson
import pytest

from services.chassis.plain.money import Money
from services.order.adapters.documents import (
    commit_from_document,
    commit_to_document,
    order_from_document,
    order_to_document,
)
from services.order.domain.facts import OrderCreated
from services.order.domain.history import Commit, fold
from services.order.domain.orders import Address, Line, Status
from tests.unit.order.examples import ANN, history_of, moved, order_created

UTC_DATES: bson.CodecOptions[Mapping[str, Any]] = bson.CodecOptions(tz_aware=True)


def through_bson(commit: Commit) -> Commit:
    document = bson.decode(bson.encode(commit_to_document(commit)), UTC_DATES)
    return commit_from_document(document)


def test_a_commit_survives_being_stored() -> None:
    created = order_created(fingerprint=b"\x00print")
    caused = moved([created], Status.CONFIRMED, cause=uuid4())
    for commit in (created, caused, *history_of(Status.CONFIRMED, Status.SHIPPED)):
        assert through_bson(commit) == commit


def test_a_commit_is_keyed_by_order_and_version_and_waits_for_the_bus() -> None:
    created, confirmed = history_of(Status.CONFIRMED)
    assert commit_to_document(created)["_id"] == f"{created.order_id}:1"
    assert commit_to_document(confirmed)["_id"] == f"{created.order_id}:2"
    assert commit_to_document(created)["published"] is False


def test_what_a_commit_does_not_have_is_not_stored() -> None:
    confirmed = history_of(Status.CONFIRMED)[1]
    assert not {"fingerprint", "cause", "traceparent"} & commit_to_document(confirmed).keys()


def test_an_order_is_shown_by_the_names_of_the_api() -> None:
    order = fold(history_of(Status.CONFIRMED))
    assert order_to_document(order) == {
        "_id": str(order.id),
        "userId": str(ANN),
        "items": [
            {"productId": "bell", "quantity": 2, "price": "89.00"},
            {"productId": "chart", "quantity": 1, "price": "12.50"},
        ],
        "totalAmount": "190.50",
        "currency": "USD",
        "status": "confirmed",
        "shippingAddress": {"street": "1 Quay", "city": "Corinth", "state": "", "zipCode": "20100", "country": "GR"},
        "createdAt": order.created_at,
        "updatedAt": order.updated_at,
        "version": 2,
    }


def test_an_order_survives_being_shown() -> None:
    order = fold(history_of(Status.CANCELLED))
    assert order_from_document(bson.decode(bson.encode(order_to_document(order)), UTC_DATES)) == order


@pytest.mark.parametrize(
    ("currency", "minor", "price", "total"), [("JPY", 1000, "1000", "2000"), ("KWD", 1250, "1.250", "2.500")]
)
def test_amounts_have_the_currencys_own_decimals(currency: str, minor: int, price: str, total: str) -> None:
    lines, address = (Line("bell", 2, Money(minor, currency)),), Address("1 Quay", "Corinth", "", "1", "GR")
    created = order_created()
    commit = replace(created, events=(OrderCreated(created.order_id, ANN, lines, address),))
    assert through_bson(commit) == commit
    shown = order_to_document(fold([commit]))
    assert (shown["items"][0]["price"], shown["totalAmount"]) == (price, total)
    assert order_from_document(shown) == fold([commit])


@pytest.mark.parametrize(
    ("currency", "kept", "minor"),
    [("USD", "29.99", 2999), ("JPY", "1000.00", 1000), ("KWD", "1.25", 1250), ("JPY", "29.99", 30)],
)
def test_what_was_stored_when_every_currency_had_two_decimals_means_the_same(
    currency: str, kept: str, minor: int
) -> None:
    document = commit_to_document(order_created())
    document["events"][0] |= {"currency": currency, "items": [{"productId": "bell", "quantity": 1, "price": kept}]}
    order = fold([commit_from_document(document)])
    assert (order.lines[0].price, order.total) == (Money(minor, currency), Money(minor, currency))


def test_an_event_of_a_type_from_the_future_is_not_taken_for_another() -> None:
    document = commit_to_document(order_created())
    document["events"][0]["type"] = "ORDER_GIFT_WRAPPED"
    with pytest.raises(ValueError, match="ORDER_GIFT_WRAPPED"):
        commit_from_document(document)
