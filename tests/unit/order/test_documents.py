"""What is stored reads back as what it was."""

from __future__ import annotations

import bson
import pytest

from services.order.documents import (
    commit_from_document,
    commit_to_document,
    order_from_document,
    order_to_document,
)
from services.order.domain import Commit, Status, fold
from tests.unit.order.examples import history_of, order_created

UTC_DATES = bson.CodecOptions(tz_aware=True)


def through_bson(commit: Commit) -> Commit:
    document = bson.decode(bson.encode(commit_to_document(commit)), UTC_DATES)
    return commit_from_document(document)


def test_a_commit_survives_being_stored() -> None:
    for commit in (order_created(fingerprint=b"\x00print"), *history_of(Status.CONFIRMED, Status.SHIPPED)):
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
        "_id": order.id,
        "userId": "ann",
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


def test_an_event_of_a_type_from_the_future_is_not_taken_for_another() -> None:
    document = commit_to_document(order_created())
    document["events"][0]["type"] = "ORDER_GIFT_WRAPPED"
    with pytest.raises(ValueError, match="ORDER_GIFT_WRAPPED"):
        commit_from_document(document)
