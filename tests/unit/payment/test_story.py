"""The payment service's rows in the story of an order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.chassis.data.story import Kind, Moment
from services.payment.adapters import story
from tests.unit.payment.given import NOW, PAYMENT_ID

LATER = NOW + timedelta(hours=1)


def payment(**changes: Any) -> Any:
    row = {
        "id": PAYMENT_ID,
        "provider_reference": "pi_1",
        "amount": "59.98",
        "currency": "USD",
        "created_at": NOW,
        "processed_at": None,
        "updated_at": LATER,
        "check_at": None,
        "status": "succeeded",
        "stranded": None,
        "stranded_at": None,
        "given_back_otherwise": None,
    }
    return row | changes


def texts(moments: list[Moment]) -> list[tuple[Kind, str]]:
    return [(moment.kind, moment.text) for moment in moments]


def test_money_that_needs_a_person_is_waited_for_since_then() -> None:
    *_, last = story._payment(payment(stranded="refund_returned", stranded_at=LATER))
    assert (last.kind, last.at) == (Kind.WAITING, LATER)
    assert last.text == "payment needs a person (refund_returned): argosy payments stranded"


def test_how_a_person_settled_it_is_not_printed() -> None:
    found = texts(story._payment(payment(given_back_otherwise="bank transfer to Ada")))
    assert found[-1] == (Kind.PAYMENT, "payment was settled by a person")


def test_a_payment_without_trouble_has_one_row() -> None:
    assert texts(story._payment(payment())) == [(Kind.PAYMENT, "payment of 59.98 USD begins")]


def test_a_dispute_has_rows_for_its_start_and_its_last_change() -> None:
    row: Any = {
        "payment_id": PAYMENT_ID,
        "provider_reference": "dp_1",
        "amount": "59.98",
        "currency": "USD",
        "reason": "fraudulent",
        "status": "needs_response",
        "created_at": NOW,
        "updated_at": NOW,
    }
    assert texts(story._dispute(row)) == [(Kind.PAYMENT, "dispute of 59.98 USD (fraudulent)")]
    decided = story._dispute(row | {"status": "lost", "updated_at": LATER})
    assert texts(decided)[1:] == [(Kind.PAYMENT, "dispute of 59.98 USD is lost")]
    assert decided[1].at == LATER


def test_a_webhook_has_a_row_at_its_receipt() -> None:
    row: Any = {"payment_id": PAYMENT_ID, "event_id": "evt_1", "type": "charge.refunded", "received_at": NOW}
    moment = story._webhook(row)
    assert (moment.at, moment.text) == (NOW, "webhook charge.refunded is received")
    assert moment.facts["providerId"] == "evt_1"
