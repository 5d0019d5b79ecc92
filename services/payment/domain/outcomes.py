"""What an answer of the provider, or the end of the order, makes of a payment.

Answers arrive in several ways (the first answer, a look-up, a notice, a request repeated after a crash), late, twice
and in any order. All of them end in `apply_charge`, which only moves forward.

Money that arrives after a payment or its order had ended is `late`: it is booked, never announced as a payment, and
goes back in full (giving_back.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from services.payment.domain.charges import Charge, ChargeMismatch, ChargeState, Refusal
from services.payment.domain.facts import Fact, PaymentConfirmed, PaymentFailed, PaymentRequiresAction
from services.payment.domain.failures import DECLINED_WITHOUT_REASON, NEVER_CHARGED
from services.payment.domain.ledger import Entry, LedgerLine
from services.payment.domain.payments import Payment, Status, Stranded
from services.payment.domain.schedule import after_check, awaits_settlement, next_check, scheduled


@dataclass(frozen=True)
class Change:
    """What applying something to a payment comes to; all of it is stored in one unit of work."""

    before: Payment
    after: Payment
    fact: Fact | None = None
    ledger: tuple[LedgerLine, ...] = ()

    @property
    def moved(self) -> bool:
        """Whether the payment's status changes."""
        return self.after.status is not self.before.status


def apply_charge(
    payment: Payment, charge: Charge, *, order_ended: bool, now: datetime, challenge_timeout: timedelta
) -> Change:
    """What the provider's answer on the charge makes of the payment. Any answer, in any order, any number of times.

    Raises ChargeMismatch when the charge is not this payment's.
    """
    _require_same(payment, charge)
    known = replace(
        payment, provider_reference=payment.provider_reference or charge.reference, stranded=_known_again(payment)
    )
    change = _of_state(known, charge, order_ended, now, challenge_timeout)
    return replace(change, before=payment)


def confirmed(payment: Payment) -> PaymentConfirmed:
    """The fact that the payment pays for its order."""
    return PaymentConfirmed(
        payment.order_id, payment.id, payment.user_id, payment.amount, payment.provider, payment.provider_reference
    )


def apply_refusal(payment: Payment, refusal: Refusal, code: str | None, now: datetime) -> Change:
    """The provider refuses the request. The payment has failed, and no fact is published.

    PaymentFailed would cancel the order; but no card was tried, so the customer may come again with one that exists.
    """
    if not payment.is_live:
        return Change(payment, payment)
    failed = replace(_ended(payment, Status.FAILED, now), refusal=refusal, error_code=code or refusal.value)
    return Change(payment, failed)


def conclude_never_charged(payment: Payment, now: datetime) -> Change:
    """The provider knows no charge of this payment, and none can still be on its way."""
    if not payment.is_live:
        return Change(payment, payment)
    ended = _ended(payment, Status.CANCELLED if payment.close_charge else Status.FAILED, now)
    return _failed(payment, replace(ended, error_code=NEVER_CHARGED, decline_code=NEVER_CHARGED))


def end_with_order(payment: Payment, now: datetime) -> Change:
    """Its order was cancelled: an open payment is to be closed at the provider, a paid one goes back."""
    if payment.is_live:
        return Change(payment, replace(payment, close_charge=True, checks=0, check_at=now))
    # Also where all has gone back by now: the customer's bank may send it back yet.
    return Change(payment, replace(payment, give_back=payment.is_paid))


def strand(payment: Payment, why: Stranded, now: datetime) -> Payment:
    """The payment needs a person."""
    return after_check(replace(payment, stranded=why), now)


def unstrand(payment: Payment, now: datetime) -> Payment:
    """A person has it tried again."""
    return replace(payment, stranded=None, checks=0, check_at=now)


def settle_otherwise(payment: Payment, how: str, now: datetime) -> Change:
    """A person has settled what could not be settled through the provider: nobody looks at it any more."""
    if payment.is_live:
        failed = replace(_ended(payment, Status.FAILED, now), stranded=None)
        return _failed(payment, replace(failed, error_code=NEVER_CHARGED, decline_code=NEVER_CHARGED))
    settled = replace(payment, stranded=None, given_back_otherwise=how, close_charge=False, check_at=None)
    return Change(payment, settled)


def _require_same(payment: Payment, charge: Charge) -> None:
    known = payment.provider_reference
    same_charge = known is None or charge.reference is None or charge.reference == known
    if not (same_charge and charge.amount == payment.amount and charge.payment_id == payment.id):
        raise ChargeMismatch(f"charge {charge.reference} is not the one of payment {payment.id}")


def _of_state(
    payment: Payment, charge: Charge, order_ended: bool, now: datetime, challenge_timeout: timedelta
) -> Change:
    match charge.state:
        case ChargeState.SUCCEEDED if payment.is_paid:
            return _settle(payment, charge, now)
        case ChargeState.SUCCEEDED:
            return _capture(payment, charge, order_ended, now)
        case ChargeState.NEEDS_CHALLENGE | ChargeState.PROCESSING:
            return _go_on(payment, charge, order_ended, now, challenge_timeout)
        case ChargeState.DECLINED:
            return _end(payment, charge, Status.FAILED, now)
        case ChargeState.CANCELLED:
            return _end(payment, charge, Status.CANCELLED, now)
    assert_never(charge.state)


def _capture(payment: Payment, charge: Charge, order_ended: bool, now: datetime) -> Change:
    """The money has been taken."""
    late = order_ended or not payment.is_live
    captured = replace(
        payment,
        status=Status.SUCCEEDED,
        processed_at=now,
        error_code=None,
        decline_code=None,
        late=late,
        give_back=late,
        close_charge=False,
        checks=0,
    )
    line = LedgerLine(
        Entry.CAPTURE, payment.amount, payment.provider, charge.capture_reference or str(charge.reference)
    )
    settled = _settle(captured, charge, now)
    return replace(settled, ledger=(line, *settled.ledger), fact=None if late else confirmed(captured))


def _settle(payment: Payment, charge: Charge, now: datetime) -> Change:
    """The money is there; the provider's fee may be known."""
    settlement = charge.settlement
    if not awaits_settlement(payment):
        return Change(payment, payment)
    if settlement is None:
        return Change(payment, after_check(payment, now))
    settled = replace(payment, provider_fee=settlement.fee, net_amount=settlement.net, checks=0)
    settled = replace(settled, check_at=next_check(settled, now))
    fee = LedgerLine(Entry.FEE, settlement.fee, payment.provider, settlement.reference)
    return Change(payment, settled, ledger=(fee,) if fee.amount.minor else ())


def _go_on(payment: Payment, charge: Charge, order_ended: bool, now: datetime, challenge_timeout: timedelta) -> Change:
    """Nothing is decided yet. A payment that has ended unpaid is closed at the provider, so that nobody pays it now."""
    if not payment.is_live:
        may_be_paid = charge.is_open and not payment.is_paid
        return Change(payment, _closed(payment, charge, now) if may_be_paid else payment)
    status = Status.REQUIRES_ACTION if charge.state is ChargeState.NEEDS_CHALLENGE else Status.PROCESSING
    challenged = status is Status.REQUIRES_ACTION and payment.challenge_ends_at is None
    learned = replace(
        payment,
        status=status,
        challenge_ends_at=now + challenge_timeout if challenged else payment.challenge_ends_at,
        close_charge=payment.close_charge or order_ended,
        checks=payment.checks if status is payment.status else 0,
    )
    announced = challenged and not learned.close_charge
    fact = PaymentRequiresAction(payment.order_id, payment.id, payment.user_id) if announced else None
    return Change(payment, scheduled(learned, now), fact)


def _end(payment: Payment, charge: Charge, status: Status, now: datetime) -> Change:
    """It came to nothing. A charge that is still open is closed: else the customer could pay through it afterwards."""
    if payment.is_paid:
        return Change(payment, payment)
    if not payment.is_live:
        return Change(payment, _closed(payment, charge, now))
    ended = replace(
        _ended(payment, status, now),
        error_code=charge.error_code or charge.cancellation_reason or DECLINED_WITHOUT_REASON,
        decline_code=_decline_code(charge) if status is Status.FAILED else None,
    )
    return _failed(payment, _closed(ended, charge, now))


def _failed(before: Payment, after: Payment) -> Change:
    code = after.decline_code or after.error_code or DECLINED_WITHOUT_REASON
    fact = PaymentFailed(after.order_id, after.id, after.user_id, code, after.provider, after.provider_reference)
    return Change(before, after, fact)


def _decline_code(charge: Charge) -> str:
    return charge.decline_code or charge.error_code or DECLINED_WITHOUT_REASON


def _ended(payment: Payment, status: Status, now: datetime) -> Payment:
    return replace(payment, status=status, processed_at=now, close_charge=False, check_at=None, checks=0)


def _closed(payment: Payment, charge: Charge, now: datetime) -> Payment:
    open_still = charge.is_open and charge.reference is not None
    return scheduled(replace(payment, close_charge=open_still), now)


def _known_again(payment: Payment) -> Stranded | None:
    """The provider answers about the charge, so it knows it."""
    return None if payment.stranded is Stranded.UNKNOWN_AT_PROVIDER else payment.stranded
