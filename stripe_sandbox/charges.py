"""Charges, balance transactions and refunds: objects and arithmetic, pure. Amounts are minor units."""

from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import ClassVar, Literal, NamedTuple

from stripe_sandbox.currencies import decimals
from stripe_sandbox.resources import Resource

_FEE_PER_MILLE = 29
_FIXED_FEE = 30


class ChargeStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Charge(Resource):
    """One attempt to charge a payment method."""

    kind: ClassVar[str] = "charge"
    prefix: ClassVar[str] = "ch"

    status: ChargeStatus
    amount: int
    currency: str
    payment_intent: str
    payment_method: str
    token: str
    """The test card of the payment method. It decides how refunds of the charge behave."""
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
    """The bank of the customer has the money, temporarily or finally (charged back)."""
    balance_transaction: str | None = None
    """Absent until the charge settles (https://docs.stripe.com/payments/payment-intents/asynchronous-capture)."""

    @property
    def amount_captured(self) -> int:
        return self.amount if self.status is ChargeStatus.SUCCEEDED else 0


LineType = Literal["charge", "refund", "refund_failure", "adjustment"]


class BalanceTransaction(Resource):
    """An entry of the account's balance."""

    kind: ClassVar[str] = "balance_transaction"
    prefix: ClassVar[str] = "txn"

    type: LineType
    source: str
    amount: int
    fee: int
    currency: str
    description: str | None = None
    exchange_rate: float | None = None
    """Exchange rate that multiplied the amount, if the account has another currency."""
    category: str | None = None
    """Reason of an adjustment; for other entries the type says it."""

    @property
    def net(self) -> int:
        return self.amount - self.fee


class RefundStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Refund(Resource):
    """A refund of a charge, or of a part of it."""

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
    """Whether the bank has answered: with a reference for the customer, or with a failure."""
    failure_balance_transaction: str | None = None


class DisputeStatus(StrEnum):
    WARNING_NEEDS_RESPONSE = "warning_needs_response"
    WARNING_CLOSED = "warning_closed"
    NEEDS_RESPONSE = "needs_response"
    WON = "won"
    LOST = "lost"


class Dispute(Resource):
    """A charge that the customer disputes with their bank."""

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
    """The charge has less left to refund. The message is Stripe's."""

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


def fee_on(amount: int) -> int:
    """Stripe's standard price for a domestic card: 2.9 % + 30 cents, rounded half up to the minor unit."""
    return (amount * _FEE_PER_MILLE + 500) // 1_000 + _FIXED_FEE


class Settling(NamedTuple):
    """The account's currency, and how many units of it one unit of the charge's currency is. None: no conversion."""

    currency: str | None
    rate: float

    def on_balance(self, amount: int, currency: str) -> tuple[int, str, float | None]:
        """Convert an amount: returns it in the account's currency, that currency, and the rate."""
        if self.currency is None or self.currency == currency:
            return amount, currency, None
        converted = Decimal(amount).scaleb(decimals(self.currency) - decimals(currency)) * Decimal(str(self.rate))
        return int(converted.to_integral_value(ROUND_HALF_UP)), self.currency, self.rate


def refundable(charge: Charge) -> int:
    """The captured amount minus refunds, minor units."""
    return charge.amount_captured - charge.amount_refunded


def amount_to_refund(charge: Charge, asked: int | None) -> int:
    """The amount to refund: `asked`, or all that is left. Raises NotRefundable if less is left."""
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
    """Format an amount for messages: `$12.34` for dollars, `12.34 eur` for others."""
    figure = f"{Decimal(amount).scaleb(-decimals(currency)):f}"
    return f"${figure}" if currency == "usd" else f"{figure} {currency}"
