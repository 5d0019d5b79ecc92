"""What others learn of a payment by its events."""

from __future__ import annotations

import pytest
from google.protobuf.json_format import MessageToDict

from argosy.event.v1.payment_events_pb2 import PaymentFailed
from services.payment.domain import NEVER_CHARGED, News, Status
from services.payment.failure_sentences import failure_sentence
from services.payment.messages import payment_event
from tests.unit.payment.given import a_payment


@pytest.mark.parametrize("news", [News.CONFIRMED, News.FAILED])
def test_an_outcome_names_the_payment_at_stripe(news: News) -> None:
    told = MessageToDict(payment_event(news, a_payment(intent_id="pi_1")))
    assert told["stripePaymentIntentId"] == "pi_1"


def test_a_payment_that_stripe_never_knew_has_no_reference_there() -> None:
    lost = a_payment(status=Status.FAILED, error_code=NEVER_CHARGED, decline_code=NEVER_CHARGED)
    assert "stripePaymentIntentId" not in MessageToDict(payment_event(News.FAILED, lost))


@pytest.mark.parametrize(
    ("error_code", "decline_code", "code", "sentence"),
    [
        (
            "card_declined",
            "insufficient_funds",
            "insufficient_funds",
            "The card has insufficient funds. Please use another card.",
        ),
        ("expired_card", None, "expired_card", "The card has expired. Please use another card."),
        (None, None, "card_declined", "The card was declined. Please use another card, or ask your bank."),
        ("abandoned", None, "abandoned", "The payment was not confirmed in time."),
    ],
)
def test_a_failure_has_a_sentence_for_people_and_a_code_for_programs(
    error_code: str | None, decline_code: str | None, code: str, sentence: str
) -> None:
    failed = a_payment(status=Status.FAILED, error_code=error_code, decline_code=decline_code)
    told = payment_event(News.FAILED, failed)
    assert isinstance(told, PaymentFailed)
    assert (told.error_code, told.error) == (code, sentence)


@pytest.mark.parametrize("code", ["lost_card", "stolen_card", "fraudulent", "a_code_of_next_year"])
def test_what_a_customer_must_not_learn_reads_like_any_decline(code: str) -> None:
    assert failure_sentence(code) == failure_sentence("card_declined")
