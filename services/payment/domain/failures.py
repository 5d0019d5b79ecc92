"""Codes of failures, and the sentence that a customer reads for each.

Codes that a customer must not learn (https://docs.stripe.com/declines/codes: lost_card, stolen_card, fraudulent and
others) have no sentence of their own: they read like any decline.
"""

from __future__ import annotations

from collections.abc import Mapping

DECLINED_WITHOUT_REASON = "card_declined"
"""The code of a decline without a more exact code."""
NEVER_CHARGED = "processing_error"
"""The code of a payment that the provider turns out not to know."""
REFUND_REFUSED = "refund_refused"
"""The code of a refund that the provider refuses without a code."""
DISPUTE_LOST = "dispute_lost"
"""The code of a refund that is not asked for because a dispute of the payment was lost."""
SERVERS_FAIL = "api_error"
"""The code of a refund at which the provider's servers fail under every key."""

_DECLINED = "The card was declined. Please use another card, or ask your bank."
_SENTENCES: Mapping[str, str] = {
    "abandoned": "The payment was not confirmed in time.",
    "authentication_required": "The bank wants the payment to be confirmed, and it was not.",
    "expired_card": "The card has expired. Please use another card.",
    "incorrect_cvc": "The card's security code is incorrect.",
    "incorrect_number": "The card number is incorrect.",
    "insufficient_credit": "Your store credit does not cover the order. Please pay in another way.",
    "insufficient_funds": "The card has insufficient funds. Please use another card.",
    "payment_intent_authentication_failure": "The bank wants the payment to be confirmed, and it was not.",
    "processing_error": "The payment could not be processed, and the card was not charged. Please try again.",
    "requested_by_customer": "The payment was cancelled.",
}


def failure_sentence(code: str) -> str:
    """The sentence for a decline code or an error code; the one for a declined card when the code has none."""
    return _SENTENCES.get(code, _DECLINED)
