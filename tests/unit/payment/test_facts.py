"""What others learn of a payment by its events."""

from __future__ import annotations

import pytest
from google.protobuf.json_format import MessageToDict

from argosy.event.v1.payment_events_pb2 import PaymentFailed as PaymentFailedEvent
from services.payment.adapters.facts import encode, event_of
from services.payment.domain.charges import ChargeState
from services.payment.domain.facts import Fact
from services.payment.domain.failures import failure_sentence
from services.payment.domain.outcomes import conclude_never_charged
from tests.unit.payment.given import NOW, ORDER, PAYMENT_ID, a_charge, a_payment, applied


def of(state: ChargeState, **changes: object) -> Fact:
    fact = applied(a_payment(provider="stripe"), a_charge(state, **changes)).fact
    assert fact is not None
    return fact


@pytest.mark.parametrize("state", [ChargeState.SUCCEEDED, ChargeState.DECLINED])
def test_an_outcome_names_the_payment_at_the_provider(state: ChargeState) -> None:
    assert MessageToDict(event_of(of(state)))["stripePaymentIntentId"] == "pi_1"


def test_a_reference_of_another_provider_is_not_called_stripes() -> None:
    fact = applied(a_payment(), a_charge(ChargeState.SUCCEEDED)).fact
    assert fact is not None
    assert "stripePaymentIntentId" not in MessageToDict(event_of(fact))


def test_a_payment_that_the_provider_never_knew_has_no_reference_there() -> None:
    fact = conclude_never_charged(a_payment(), NOW).fact
    assert fact is not None
    assert "stripePaymentIntentId" not in MessageToDict(event_of(fact))


def test_events_of_an_order_keep_their_order_and_name_the_payment() -> None:
    out = encode(of(ChargeState.NEEDS_CHALLENGE))
    assert (out.key, out.subject) == (str(ORDER.id), str(PAYMENT_ID))


@pytest.mark.parametrize(
    ("state", "error_code", "decline_code", "code", "sentence"),
    [
        (
            ChargeState.DECLINED,
            "card_declined",
            "insufficient_funds",
            "insufficient_funds",
            "The card has insufficient funds. Please use another card.",
        ),
        (
            ChargeState.DECLINED,
            "expired_card",
            None,
            "expired_card",
            "The card has expired. Please use another card.",
        ),
        (
            ChargeState.DECLINED,
            None,
            None,
            "card_declined",
            "The card was declined. Please use another card, or ask your bank.",
        ),
        (ChargeState.CANCELLED, "abandoned", None, "abandoned", "The payment was not confirmed in time."),
    ],
)
def test_a_failure_has_a_sentence_for_people_and_a_code_for_programs(
    state: ChargeState, error_code: str | None, decline_code: str | None, code: str, sentence: str
) -> None:
    event = event_of(of(state, error_code=error_code, decline_code=decline_code))
    assert isinstance(event, PaymentFailedEvent)
    assert (event.error_code, event.error) == (code, sentence)


@pytest.mark.parametrize("code", ["lost_card", "stolen_card", "fraudulent", "a_code_of_next_year"])
def test_what_a_customer_must_not_learn_reads_like_any_decline(code: str) -> None:
    assert failure_sentence(code) == failure_sentence("card_declined")
