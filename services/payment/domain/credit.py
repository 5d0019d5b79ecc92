"""Store credit: money that the shop owes a customer, who can pay with it. A balance is the sum of its entries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from services.chassis.plain import money
from services.chassis.plain.money import Money, NotMoney

STORE_CREDIT = "store_credit"
"""The name of store credit as a provider of payments. It is also its only payment method."""
INSUFFICIENT_CREDIT = "insufficient_credit"
"""The code of a payment that the balance does not cover."""


class CreditKind(StrEnum):
    """Kinds of entries."""

    GRANT = "grant"
    """Staff gave it."""
    CHARGE = "charge"
    """A payment took it."""
    REVERSAL = "reversal"
    """Money of such a payment came back."""
    REFUND = "refund"
    """Money of a payment through another provider was refunded to the balance."""


class CreditRefused(Exception):
    """The amount cannot be granted. `violations`: the field and what would be correct."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.violations = [(field, problem)]


class OnlyStaffSeeOthersCredit(Exception):
    """A customer asks for the credit of another one."""

    def __init__(self) -> None:
        super().__init__("only staff can see the credit of others")


@dataclass(frozen=True)
class CreditEntry:
    """One change of a customer's balance. The amount is positive; the kind says in which direction it goes."""

    id: UUID
    user_id: UUID
    kind: CreditKind
    amount: Money
    created_at: datetime
    payment_id: UUID | None = None
    """The payment that it belongs to; None for a grant."""
    refund_id: UUID | None = None
    """The refund that it belongs to: of a reversal or a refund."""
    granted_by: UUID | None = None
    """The member of staff who granted it."""
    reason: str | None = None
    """Why it was granted."""

    @property
    def reference(self) -> str:
        """What refunds and the ledger name it by."""
        return f"{STORE_CREDIT}_{self.id}"


@dataclass(frozen=True)
class ComparedCredit:
    """A balance, and the sum of its entries."""

    user_id: UUID
    balance: Money
    entries: Money


def grantable(amount: Decimal, currency: str) -> Money:
    """The amount that staff want to grant. Raises CreditRefused when the currency has no such amount."""
    problem = money.currency_problem(currency)
    if problem is not None:
        raise CreditRefused("currency", problem)
    try:
        wanted = Money.of(amount, currency)
    except NotMoney as error:
        raise CreditRefused("amount", str(error)) from error
    problem = money.part_problem(wanted)
    if problem is not None:
        raise CreditRefused("amount", problem)
    return wanted


def require_may_see(user_id: UUID, asked_by: UUID, *, is_staff: bool) -> None:
    """Raises OnlyStaffSeeOthersCredit."""
    if user_id != asked_by and not is_staff:
        raise OnlyStaffSeeOthersCredit
