"""Lines of the ledger: append-only, each with the provider's reference of the movement of money."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from services.chassis.plain.money import Money


class Entry(StrEnum):
    """Kinds of lines."""

    CAPTURE = "capture"
    FEE = "fee"
    REFUND = "refund"
    REFUND_REVERSAL = "refund_reversal"
    """A refund that had succeeded came back from the customer's bank."""
    DISPUTE = "dispute"
    """The customer's bank took money back."""
    DISPUTE_REVERSAL = "dispute_reversal"
    """The customer's bank returned that money."""
    DISPUTE_FEE = "dispute_fee"
    DISPUTE_FEE_REVERSAL = "dispute_fee_reversal"


@dataclass(frozen=True)
class LedgerLine:
    """One line. The amount is never negative; the entry says in which direction the money went."""

    entry: Entry
    amount: Money
    provider: str
    """Where the money moved."""
    reference: str
    """The provider's reference of the movement."""
    refund_id: UUID | None = None
