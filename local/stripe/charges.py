"""Charges, what they leave on the balance, and refunds: objects and arithmetic, pure. Amounts are minor units."""

from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import ClassVar, Literal, NamedTuple

from local.stripe.currencies import decimals
from local.stripe.resources import Resource

_FEE_PER_MILLE = 29
_FIXED_FEE = 30


class ChargeStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Charge(Resource):
    """One attempt to take the money."""

    kind: ClassVar[str] = "charge"
    prefix: ClassVar[str] = "ch"

    status: ChargeStatus
    amount: int
    currency: str
    payment_intent: str
    payment_method: str
    token: str
    """The test card behind the payment method, which tells how the charge looks and how refunds of it go."""
    authenticated: bool
    metadata: dict[str, str]
    customer: str | None = None
    description: str | None = None
    receipt_email: str | None = None
    failure_code: str | None = None
    decline_code: str | None = None
    failure_message: str | None = None
    amount_refunded: int = 0
    disputed: bool = False
    charged_back: bool = False
    """The customer's bank has the money, for the time being or for good."""
    balance_transaction: str | None = None
    """Absent until the charge settles (https://docs.stripe.com/payments/payment-intents/asynchronous-capture)."""

    @property
    def amount_captured(self) -> int:
        return self.amount if self.status is ChargeStatus.SUCCEEDED else 0


LineType = Literal["charge", "refund", "refund_failure", "adjustment"]


class BalanceTransaction(Resource):
    """A line of the account's balance."""

    kind: ClassVar[str] = "balance_transaction"
    prefix: ClassVar[str] = "txn"

    type: LineType
    source: str
    amount: int
    fee: int
    currency: str
    description: str | None = None
    exchange_rate: float | None = None
    """By which the amount was multiplied, where the account is kept in another currency."""
    category: str | None = None
    """What an adjustment is for; otherwise its type says so."""

    @property
    def net(self) -> int:
        return self.amount - self.fee


class RefundStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Refund(Resource):
    """Money on its way back."""

    kind: ClassVar[str] = "refund"
    prefix: ClassVar[str] = "re"

    status: RefundStatus
    amount: int
    currency: str
    charge: str
    payment_intent: str
    reason: str | None
    metadata: dict[str, str]
    balance_transaction: str
    settled: bool = False
    """The bank has answered: there is a reference for the customer, or the refund has failed."""
    failure_balance_transaction: str | None = None


class DisputeStatus(StrEnum):
    WARNING_NEEDS_RESPONSE = "warning_needs_response"
    WARNING_CLOSED = "warning_closed"
    NEEDS_RESPONSE = "needs_response"
    WON = "won"
    LOST = "lost"


class Dispute(Resource):
    """A charge that the customer has complained of to their bank."""

    kind: ClassVar[str] = "dispute"
    prefix: ClassVar[str] = "du"

    status: DisputeStatus
    amount: int
    currency: str
    charge: str
    payment_intent: str
    reason: str
    token: str
    """The test card behind the charge."""
    balance_transactions: tuple[BalanceTransaction, ...] = ()

    @property
    def is_inquiry(self) -> bool:
        return self.status in (DisputeStatus.WARNING_NEEDS_RESPONSE, DisputeStatus.WARNING_CLOSED)

    @property
    def is_over(self) -> bool:
        return self.status not in (DisputeStatus.WARNING_NEEDS_RESPONSE, DisputeStatus.NEEDS_RESPONSE)


class NotRefundable(Exception):
    """The charge does not have that much left to give back. The message is Stripe's."""

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


def fee_on(amount: int) -> int:
    """Stripe's standard price for a domestic card: 2.9 % + 30 cents, rounded half up to the minor unit."""
    return (amount * _FEE_PER_MILLE + 500) // 1_000 + _FIXED_FEE


class Settling(NamedTuple):
    """How the account is kept: in this currency, of which one of the charge's is so many; None: in the charge's own."""

    currency: str | None
    rate: float

    def on_balance(self, amount: int, currency: str) -> tuple[int, str, float | None]:
        """The amount as it comes onto the balance, its currency there, and the rate."""
        if self.currency is None or self.currency == currency:
            return amount, currency, None
        converted = Decimal(amount).scaleb(decimals(self.currency) - decimals(currency)) * Decimal(str(self.rate))
        return int(converted.to_integral_value(ROUND_HALF_UP)), self.currency, self.rate


def refundable(charge: Charge) -> int:
    """What was captured less what was given back."""
    return charge.amount_captured - charge.amount_refunded


def amount_to_refund(charge: Charge, asked: int | None) -> int:
    """All that is left, unless less is asked for. Raises NotRefundable when there is not so much."""
    left = refundable(charge)
    if charge.charged_back:
        raise NotRefundable(f"Charge {charge.id} has been charged back; cannot issue a refund.", "charge_disputed")
    if charge.status is not ChargeStatus.SUCCEEDED:
        raise NotRefundable(f"Charge {charge.id} was not captured and cannot be refunded.")
    if left == 0:
        raise NotRefundable(f"Charge {charge.id} has already been refunded.", "charge_already_refunded")
    if asked is not None and asked > left:
        raise NotRefundable(
            f"Refund amount ({written(asked, charge.currency)}) is greater than unrefunded amount on charge "
            f"({written(left, charge.currency)})"
        )
    return left if asked is None else asked


def written(amount: int, currency: str) -> str:
    """`$12.34` for dollars, `12.34 eur` for others; for messages alone."""
    figure = f"{Decimal(amount).scaleb(-decimals(currency)):f}"
    return f"${figure}" if currency == "usd" else f"{figure} {currency}"
