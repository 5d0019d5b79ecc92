"""Operations on disputes. Pure objects in charges.py.

Source: https://docs.stripe.com/disputes/how-disputes-work. An inquiry moves no money. Any other dispute withdraws the
amount and a fee at once, and returns the amount when it is won.
"""

from __future__ import annotations

from dataclasses import dataclass

from stripe_sandbox.charges import BalanceTransaction, Charge, ChargeStatus, Dispute, DisputeStatus
from stripe_sandbox.errors import StripeError, no_such
from stripe_sandbox.ids import new_id
from stripe_sandbox.methods import TOKENS, Disputing
from stripe_sandbox.work import Answer, Work

FEE = 1_500


@dataclass(frozen=True, slots=True)
class Complaint:
    """The amount that a customer disputes, minor units; None is the whole charge."""

    amount: int | None = None
    reason: str = "fraudulent"
    inquiry: bool = False


def dispute_later(work: Work, id_: str) -> None:
    """Schedule the dispute that the test card of a charge causes after the payment."""
    charge = work.objects.get(Charge, id_)
    inquiry = TOKENS[charge.token].disputing is Disputing.INQUIRY
    open_dispute(work, charge, Complaint(inquiry=inquiry))


def open_dispute(work: Work, charge: Charge, complaint: Complaint) -> Dispute:
    """Open a dispute. Raises StripeError if the charge captured nothing."""
    if charge.status is not ChargeStatus.SUCCEEDED:
        raise StripeError(f"Charge {charge.id} was not captured and cannot be disputed.")
    id_, amount = new_id(Dispute.prefix), complaint.amount or charge.amount
    taken = () if complaint.inquiry else (_line(work, id_, "dispute", -amount, FEE, charge.currency),)
    made = Dispute(
        id=id_,
        created=work.now,
        status=DisputeStatus.WARNING_NEEDS_RESPONSE if complaint.inquiry else DisputeStatus.NEEDS_RESPONSE,
        amount=amount,
        currency=charge.currency,
        charge=charge.id,
        payment_intent=charge.payment_intent,
        reason=complaint.reason,
        token=charge.token,
        balance_transactions=taken,
    )
    work.objects.add(made)
    work.objects.update(charge.model_copy(update={"disputed": True, "charged_back": not complaint.inquiry}))
    work.emit("charge.dispute.created", made)
    if taken:
        work.emit("charge.dispute.funds_withdrawn", made)
    return made


def end(work: Work, id_: str, *, won: bool) -> Dispute:
    """Close a dispute as won or lost. Raises StripeError if there is none or it is closed."""
    found = work.objects.find(Dispute, id_)
    if found is None:
        raise no_such("dispute", id_, "dispute", status=404)
    if found.is_over:
        raise StripeError("This dispute is already closed.")
    if found.is_inquiry:
        status, lines = DisputeStatus.WARNING_CLOSED, found.balance_transactions
    else:
        back = (_line(work, id_, "dispute_reversal", found.amount, 0, found.currency),) if won else ()
        status, lines = DisputeStatus.WON if won else DisputeStatus.LOST, (*found.balance_transactions, *back)
    ended = found.model_copy(update={"status": status, "balance_transactions": lines})
    charge = work.objects.get(Charge, found.charge)
    work.objects.update(ended)
    work.objects.update(charge.model_copy(update={"charged_back": status is DisputeStatus.LOST}))
    work.emit("charge.dispute.updated", ended, {"status": found.status.value})
    work.emit("charge.dispute.closed", ended)
    if len(lines) > len(found.balance_transactions):
        work.emit("charge.dispute.funds_reinstated", ended)
    return ended


def accept(work: Work, id_: str) -> Answer:
    """Accept the dispute: it is lost."""
    return Answer(work.render(end(work, id_, won=False)))


def _line(work: Work, source: str, category: str, amount: int, fee: int, currency: str) -> BalanceTransaction:
    line = BalanceTransaction(
        id=new_id(BalanceTransaction.prefix),
        created=work.now,
        type="adjustment",
        category=category,
        source=source,
        amount=amount,
        fee=fee,
        currency=currency,
    )
    work.objects.add(line)
    return line
