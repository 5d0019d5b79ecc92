"""Disputes: customers who claim money back through their banks."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from enum import StrEnum

from services.chassis.plain.money import Money
from services.payment.domain.ledger import Entry, LedgerLine


class DisputeState(StrEnum):
    """The state of a dispute, from the best to the worst."""

    WON = "won"
    """Over, and the money is ours: won, withdrawn or prevented."""
    INQUIRY = "inquiry"
    """The bank asks; no money has moved."""
    OPEN = "open"
    LOST = "lost"


@dataclass(frozen=True)
class Movement:
    """Money that a dispute has moved on our balance."""

    reference: str
    amount: Money
    """Negative: it was taken from us."""
    fee: Money
    """Negative: it was returned to us."""


@dataclass(frozen=True)
class ProviderDispute:
    """A dispute as the provider has it."""

    reference: str
    status: str
    """The provider's word."""
    state: DisputeState
    amount: Money
    reason: str
    movements: tuple[Movement, ...] = ()


def dispute_lines(dispute: ProviderDispute, booked: Set[str], provider: str) -> tuple[LedgerLine, ...]:
    """The lines to book for the money that a dispute has moved. `booked`: references that are booked already."""
    lines = []
    for moved in dispute.movements:
        if moved.reference in booked:
            continue
        fee = Entry.DISPUTE_FEE if moved.fee.minor > 0 else Entry.DISPUTE_FEE_REVERSAL
        entry = Entry.DISPUTE if moved.amount.minor < 0 else Entry.DISPUTE_REVERSAL
        for kind, amount in ((entry, moved.amount), (fee, moved.fee)):
            if amount.minor:
                lines.append(LedgerLine(kind, Money(abs(amount.minor), amount.currency), provider, moved.reference))
    return tuple(lines)


def worst(disputes: Iterable[DisputeState]) -> DisputeState | None:
    """The state of all disputes of one payment taken together."""
    order = list(DisputeState)
    return max(disputes, key=order.index, default=None)
