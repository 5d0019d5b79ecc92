"""Operations on refunds. A charge is checked and written in one transaction: refunds never exceed the charge."""

from dataclasses import dataclass

from stripe_sandbox import charges, payments
from stripe_sandbox.charges import BalanceTransaction, Charge, LineType, NotRefundable, Refund, RefundStatus
from stripe_sandbox.currencies import multiple
from stripe_sandbox.errors import StripeError, no_such, not_a_multiple
from stripe_sandbox.ids import new_id
from stripe_sandbox.intents import Status
from stripe_sandbox.methods import TOKENS, Refunding
from stripe_sandbox.work import Answer, Task, Work


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """A refund of a charge, or of an intent's charge; without an amount, of all that is left."""

    charge: str | None
    payment_intent: str | None
    amount: int | None
    reason: str | None
    metadata: dict[str, str]


def refund(work: Work, asked: RefundRequest) -> Answer:
    charge = _charge_of(work, asked)
    if asked.amount is not None and asked.amount % multiple(charge.currency):
        raise not_a_multiple(multiple(charge.currency), charge.currency)
    try:
        amount = charges.amount_to_refund(charge, asked.amount)
    except NotRefundable as error:
        raise StripeError(str(error), code=error.code, param="amount" if asked.amount else None) from error
    pending = TOKENS[charge.token].refunding is Refunding.PENDING_FIRST
    id_ = new_id(Refund.prefix)
    made = Refund(
        id=id_,
        created=work.now,
        status=RefundStatus.PENDING if pending else RefundStatus.SUCCEEDED,
        amount=amount,
        currency=charge.currency,
        charge=charge.id,
        payment_intent=charge.payment_intent,
        reason=asked.reason,
        metadata=asked.metadata,
        balance_transaction=_line(work, id_, "refund", -amount, charge.currency).id,
    )
    work.objects.add(made)
    refunded = _with_refunded(work, charge, charge.amount_refunded + amount)
    work.emit("refund.created", made)
    work.emit("charge.refunded", refunded, _refunded_before(charge))
    work.later(Task.SETTLE_REFUND, made, work.controls.settlement_seconds)
    return Answer(work.render(made))


def settle_refund(work: Work, id_: str) -> None:
    """Finish a pending refund: it arrived and gets a reference, or it failed."""
    made = work.objects.get(Refund, id_)
    charge = work.objects.get(Charge, made.charge)
    if made.status is RefundStatus.FAILED:
        return
    if TOKENS[charge.token].refunding is Refunding.FAILS_LATER:
        _fail(work, made, charge)
        return
    settled = made.model_copy(update={"status": RefundStatus.SUCCEEDED, "settled": True})
    work.objects.update(settled)
    work.emit("refund.updated", settled, {"status": made.status.value})
    work.emit("charge.refund.updated", settled, {"status": made.status.value})


def bounce(work: Work, id_: str) -> Refund:
    """Fail a refund afterwards, as a bank may. Raises StripeError if it has failed already."""
    made = work.objects.find(Refund, id_)
    if made is None:
        raise no_such("refund", id_, "id", status=404)
    if made.status is RefundStatus.FAILED:
        raise StripeError("This refund has failed already.")
    _fail(work, made, work.objects.get(Charge, made.charge))
    return work.objects.get(Refund, id_)


def _fail(work: Work, made: Refund, charge: Charge) -> None:
    line = _line(work, made.id, "refund_failure", made.amount, made.currency)
    failed = made.model_copy(
        update={"status": RefundStatus.FAILED, "settled": True, "failure_balance_transaction": line.id}
    )
    work.objects.update(failed)
    _with_refunded(work, charge, charge.amount_refunded - made.amount)
    for type_ in ("refund.updated", "refund.failed", "charge.refund.updated"):
        work.emit(type_, failed, {"status": made.status.value})


def _charge_of(work: Work, asked: RefundRequest) -> Charge:
    if asked.charge is not None:
        charge = work.objects.find(Charge, asked.charge)
        if charge is None:
            raise no_such("charge", asked.charge, "charge")
        return charge
    if asked.payment_intent is None:
        raise StripeError(
            "One of the following params should be provided for this request: payment_intent or charge.",
            code="parameter_missing",
        )
    intent = payments.existing(work, asked.payment_intent, "payment_intent", 400)
    if intent.status is not Status.SUCCEEDED or intent.latest_charge is None:
        raise StripeError(
            f"This PaymentIntent ({intent.id}) does not have a successful charge to refund.",
            code="payment_intent_unexpected_state",
            param="payment_intent",
        )
    return work.objects.get(Charge, intent.latest_charge)


def _with_refunded(work: Work, charge: Charge, amount: int) -> Charge:
    changed = charge.model_copy(update={"amount_refunded": amount})
    work.objects.update(changed)
    return changed


def _refunded_before(charge: Charge) -> dict[str, object]:
    return {"amount_refunded": charge.amount_refunded, "refunded": False}


def _line(work: Work, source: str, type_: LineType, amount: int, currency: str) -> BalanceTransaction:
    amount, currency, rate = work.controls.settling.on_balance(amount, currency)
    line = BalanceTransaction(
        id=new_id(BalanceTransaction.prefix),
        created=work.now,
        type=type_,
        source=source,
        amount=amount,
        fee=0,
        currency=currency,
        exchange_rate=rate,
    )
    work.objects.add(line)
    return line
