"""Copies of purchases: whose they are, when they were, and where they are in the list of their customer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from load.growth.copies import PURCHASES, Copies, copy_of
from load.growth.documents import document, order
from services.order.adapters.read_side import SHELF_HOLDS

COPIES = Copies(customers=9, of_one=3)
ID = "019aaaaa-0000-7123-8456-000000000001"
CUSTOMER = "019aaaaa-0000-7123-8456-000000000002"
AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def test_the_last_copies_are_the_first_customers() -> None:
    assert [COPIES.customer(copy) for copy in range(1, COPIES.all + 1)] == [*range(1, 10), 0, 0, 0]


def test_the_orders_of_one_customer_fill_their_list_from_the_oldest_on() -> None:
    oldest_first = sorted([0, 10, 11, 12], key=COPIES.earlier, reverse=True)
    positions = [COPIES.position(copy, order) for copy in oldest_first for order in range(PURCHASES)]
    assert positions == list(range(4 * PURCHASES))
    assert COPIES.position(5, 3) == 3


def test_copied_ids_differ_and_those_of_version_7_stay_ordered_by_time() -> None:
    copies = [copy_of(ID, copy, COPIES.earlier(copy)) for copy in range(COPIES.customers + 1)]
    assert copies[0] == ID
    assert copies == sorted(copies, reverse=True)
    assert len(set(copies)) == len(copies)
    assert {UUID(one).version for one in copies} == {7}
    assert copy_of("11111111-2222-5333-8444-555555555555", 1, timedelta()) != copy_of(ID, 1, timedelta())


def test_an_order_moves_to_its_customer_its_shelf_and_its_slice() -> None:
    original: dict[str, Any] = {
        "_id": ID,
        "userId": CUSTOMER,
        "status": "confirmed",
        "createdAt": AT,
        "items": [{"quantity": 2}],
        "slice": "confirmed/2026-03-01T09:30:0",
        "shelf": f"{CUSTOMER}/0",
    }
    copied = order(COPIES, 3, 1, original)
    assert copied["userId"] == copy_of(CUSTOMER, 3, COPIES.earlier(3))
    assert copied["shelf"] == f"{copied['userId']}/0"
    assert copied["createdAt"] == AT - timedelta(days=30)
    assert copied["slice"] == "confirmed/2026-01-30T09:30:0"
    assert copied["items"] == original["items"]

    of_the_first = order(COPIES, 10, 1, original)
    assert of_the_first["userId"] == CUSTOMER
    assert of_the_first["shelf"] == f"{CUSTOMER}/{(2 * PURCHASES + 1) // SHELF_HOLDS}"
    assert of_the_first["_id"] != ID


def test_a_commit_is_copied_with_the_customer_in_its_events() -> None:
    commit = {"_id": f"{ID}:1", "orderId": ID, "at": AT, "events": [{"userId": CUSTOMER, "orderId": ID}], "version": 1}
    copied = document(COPIES, 4, commit)
    order = copy_of(ID, 4, COPIES.earlier(4))
    assert (copied["_id"], copied["orderId"]) == (f"{order}:1", order)
    assert copied["events"] == [{"userId": copy_of(CUSTOMER, 4, COPIES.earlier(4)), "orderId": order}]
