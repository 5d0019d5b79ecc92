"""Payment methods by token: Stripe's documented test cards, and some of the sandbox's own.

Source: https://docs.stripe.com/testing (tab "PaymentMethods"), https://docs.stripe.com/declines/codes.
An unknown token gets Stripe's error for an unknown payment method.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from stripe_sandbox.resources import Resource


@dataclass(frozen=True, slots=True)
class Decline:
    """Why the card's issuer (or Stripe) declined."""

    code: str
    decline_code: str | None
    message: str
    blocked: bool = False
    """Blocked by Stripe's own risk rules, not by the issuer."""


class Authentication(StrEnum):
    """When the card requires 3-D Secure."""

    NEVER = "never"
    ON_SESSION = "on_session"
    """Set up for later use: required when the customer is present, not off-session."""
    ALWAYS = "always"


class Refunding(StrEnum):
    """The outcome of refunds to the card."""

    SUCCEEDS = "succeeds"
    PENDING_FIRST = "pending_first"
    FAILS_LATER = "fails_later"


class Disputing(StrEnum):
    """Whether the customer disputes the payment."""

    NEVER = "never"
    DISPUTE = "dispute"
    INQUIRY = "inquiry"


@dataclass(frozen=True, slots=True)
class Card:
    """A test card and its behaviour."""

    brand: str
    last4: str
    funding: str = "credit"
    country: str = "US"
    cvc_check: str = "pass"
    risk_level: str = "normal"
    authentication: Authentication = Authentication.NEVER
    decline: Decline | None = None
    """The outcome after authentication, if the card requires one."""
    asynchronous: bool = False
    """The outcome is asynchronous; `processing` until then."""
    drops_connection: bool = False
    """The charge is committed, but the caller gets no answer."""
    refunding: Refunding = Refunding.SUCCEEDS
    disputing: Disputing = Disputing.NEVER


class PaymentMethod(Resource):
    """A payment method with an id of its own; Stripe creates one at each use of a token."""

    kind: ClassVar[str] = "payment_method"
    prefix: ClassVar[str] = "pm"

    token: str
    customer: str | None = None

    @property
    def card(self) -> Card:
        return TOKENS[self.token]


GENERIC = Decline("card_declined", "generic_decline", "Your card was declined.")
INSUFFICIENT_FUNDS = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
LOST_CARD = Decline("card_declined", "lost_card", "Your card was declined.")
STOLEN_CARD = Decline("card_declined", "stolen_card", "Your card was declined.")
VELOCITY = Decline(
    "card_declined",
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
)
FRAUDULENT = Decline("card_declined", "fraudulent", "Your card was declined.", blocked=True)
EXPIRED = Decline("expired_card", None, "Your card has expired.")
INCORRECT_CVC = Decline("incorrect_cvc", None, "Your card's security code is incorrect.")
PROCESSING_ERROR = Decline(
    "processing_error", None, "An error occurred while processing your card. Try again in a little bit."
)
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
"""The customer is absent (`off_session`), or the caller rejects challenges (`error_on_requires_action`)."""

_VISA = Card("visa", "4242")

_BRANDS: Mapping[str, Card] = {
    "pm_card_visa": _VISA,
    "pm_card_visa_debit": Card("visa", "5556", funding="debit"),
    "pm_card_mastercard": Card("mastercard", "4444"),
    "pm_card_mastercard_debit": Card("mastercard", "8210", funding="debit"),
    "pm_card_mastercard_prepaid": Card("mastercard", "5100", funding="prepaid"),
    "pm_card_amex": Card("amex", "0005"),
    "pm_card_discover": Card("discover", "1117"),
    "pm_card_diners": Card("diners", "0004"),
    "pm_card_jcb": Card("jcb", "0505", country="JP"),
    "pm_card_unionpay": Card("unionpay", "0005", country="CN"),
}

_COUNTRIES: Mapping[str, Card] = {
    f"pm_card_{country.lower()}": Card("visa", last4, country=country)
    for country, last4 in {
        "US": "4242",
        "BR": "0002",
        "CA": "0000",
        "MX": "8001",
        "AT": "0008",
        "BE": "0004",
        "CH": "0009",
        "DE": "0016",
        "ES": "0007",
        "FR": "0003",
        "GB": "0000",
        "IT": "0008",
        "NL": "0002",
        "SE": "0008",
        "AU": "0006",
        "CN": "0002",
        "HK": "0004",
        "IN": "0008",
        "JP": "0003",
        "NZ": "0008",
        "SG": "0003",
    }.items()
}

_DECLINES: Mapping[str, Card] = {
    "pm_card_visa_chargeDeclined": Card("visa", "0002", decline=GENERIC),
    "pm_card_chargeDeclined": Card("visa", "0002", decline=GENERIC),
    "pm_card_visa_chargeDeclinedInsufficientFunds": Card("visa", "9995", decline=INSUFFICIENT_FUNDS),
    "pm_card_chargeDeclinedInsufficientFunds": Card("visa", "9995", decline=INSUFFICIENT_FUNDS),
    "pm_card_visa_chargeDeclinedLostCard": Card("visa", "9987", decline=LOST_CARD),
    "pm_card_visa_chargeDeclinedStolenCard": Card("visa", "9979", decline=STOLEN_CARD),
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": Card("visa", "6975", decline=VELOCITY),
    "pm_card_chargeDeclinedFraudulent": Card("visa", "0019", decline=FRAUDULENT, risk_level="highest"),
    "pm_card_radarBlock": Card("visa", "0019", decline=FRAUDULENT, risk_level="highest"),
    "pm_card_riskLevelHighest": Card("visa", "4954", decline=FRAUDULENT, risk_level="highest"),
    "pm_card_chargeDeclinedExpiredCard": Card("visa", "0069", decline=EXPIRED),
    "pm_card_chargeDeclinedIncorrectCvc": Card("visa", "0127", decline=INCORRECT_CVC, cvc_check="fail"),
    "pm_card_chargeDeclinedProcessingError": Card("visa", "0119", decline=PROCESSING_ERROR),
    "pm_card_chargeCustomerFail": Card("visa", "0341", decline=GENERIC),
}

_CHECKS: Mapping[str, Card] = {
    "pm_card_riskLevelElevated": Card("visa", "9235", risk_level="elevated"),
    "pm_card_cvcCheckFail": Card("visa", "0101", cvc_check="fail"),
    "pm_card_bypassPending": Card("visa", "0077"),
}

_ASK = Authentication.ALWAYS
_THREE_D_SECURE: Mapping[str, Card] = {
    "pm_card_authenticationRequired": Card("visa", "3184", authentication=_ASK),
    "pm_card_authenticationRequiredOnSetup": Card("visa", "3155", authentication=_ASK),
    "pm_card_authenticationRequiredSetupForOffSession": Card("visa", "0446", authentication=Authentication.ON_SESSION),
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": Card(
        "visa", "3178", authentication=_ASK, decline=INSUFFICIENT_FUNDS
    ),
    "pm_card_threeDSecure2Required": Card("visa", "3220", authentication=_ASK),
    "pm_card_threeDSecureRequired": Card("visa", "3063", authentication=_ASK),
    "pm_card_threeDSecureRequiredChargeDeclined": Card("visa", "1629", authentication=_ASK, decline=GENERIC),
    # The authentication look-up fails, so no challenge is shown and the card is declined.
    "pm_card_threeDSecureRequiredProcessingError": Card("visa", "1280", decline=GENERIC),
    "pm_card_threeDSecureOptional": Card("visa", "3055"),
    "pm_card_threeDSecureOptionalProcessingError": Card("visa", "3097"),
    "pm_card_amex_threeDSecureNotSupported": Card("amex", "0005"),
}

_REFUNDS: Mapping[str, Card] = {
    "pm_card_pendingRefund": Card("visa", "7726", refunding=Refunding.PENDING_FIRST),
    "pm_card_refundFail": Card("visa", "5126", refunding=Refunding.FAILS_LATER),
}

_DISPUTES: Mapping[str, Card] = {
    "pm_card_createDispute": Card("visa", "0259", disputing=Disputing.DISPUTE),
    "pm_card_createDisputeInquiry": Card("visa", "1976", disputing=Disputing.INQUIRY),
}

_SANDBOX_ONLY: Mapping[str, Card] = {
    "pm_sandbox_processing": replace(_VISA, asynchronous=True),
    "pm_sandbox_processingDeclined": Card("visa", "0002", asynchronous=True, decline=GENERIC),
    "pm_sandbox_dropAfterCharge": replace(_VISA, drops_connection=True),
}

TOKENS: Mapping[str, Card] = {
    **_BRANDS,
    **_COUNTRIES,
    **_DECLINES,
    **_CHECKS,
    **_THREE_D_SECURE,
    **_REFUNDS,
    **_DISPUTES,
    **_SANDBOX_ONLY,
}
