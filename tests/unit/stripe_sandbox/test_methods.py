"""The table of test cards, against what Stripe documents of the ones that this project uses."""

import pytest

from stripe_sandbox.methods import TOKENS, Authentication


@pytest.mark.parametrize(
    ("token", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
        ("pm_card_visa_chargeDeclinedVelocityLimitExceeded", "card_declined", "card_velocity_exceeded"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
        ("pm_card_chargeDeclinedFraudulent", "card_declined", "fraudulent"),
    ],
)
def test_declines(token: str, code: str, decline_code: str | None) -> None:
    decline = TOKENS[token].decline
    assert decline is not None
    assert (decline.code, decline.decline_code) == (code, decline_code)


@pytest.mark.parametrize(
    "token", ["pm_card_visa", "pm_card_mastercard", "pm_card_amex", "pm_card_threeDSecureOptional"]
)
def test_plain_cards_just_pay(token: str) -> None:
    card = TOKENS[token]
    assert card.decline is None
    assert card.authentication is Authentication.NEVER
    assert not card.asynchronous


@pytest.mark.parametrize("token", ["pm_card_authenticationRequired", "pm_card_threeDSecure2Required"])
def test_cards_that_ask(token: str) -> None:
    assert TOKENS[token].authentication is Authentication.ALWAYS
