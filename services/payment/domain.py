"""Payments: what may become of one, decided here and nowhere else. Pure: no I/O, no proto, no clock of its own.

What Stripe says of a payment reaches us by several ways (its first answer, a look-up, a webhook, a request repeated
after a crash), late, twice and in any order. All of them end in `apply_intent`, which only ever moves forward:

    processing ⇄ requires_action      live: anything may still happen
      └── failed, cancelled           ended unpaid
            └── succeeded             money was taken; that is a fact whatever we believed before
                  └── partially_refunded, refunded

Money that arrives after a payment or its order had ended is `late`: it is booked, never announced as a payment, and
goes back in full. Amounts are minor units (cents).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Literal
from uuid import UUID

DECLINED_WITHOUT_REASON = "card_declined"
"""Stripe's word for a decline that says nothing more (https://docs.stripe.com/declines/codes)."""
REFUND_REFUSED = "refund_refused"
"""Why a refund has failed that Stripe would not make without saying why."""
NEVER_CHARGED = "processing_error"
"""What a payment is told to have failed with when Stripe turns out never to have heard of it."""

KEY_LIFE = timedelta(hours=23)
"""How long a request may be repeated under its idempotency key: Stripe forgets keys after 24 h at the earliest
(https://docs.stripe.com/api/idempotent_requests)."""
SEARCH_LAG = timedelta(minutes=5)
"""How long after the last request a search without a result proves nothing: Stripe's index is usually less than a
minute behind (https://docs.stripe.com/search#data-freshness). Should it be more, the rule for late money mends it."""
SETTLE_DELAY = timedelta(seconds=10)
"""How long a payment is left to whoever began it, before the reconciler looks after it."""
CHALLENGE_POLL = timedelta(minutes=2)
"""How often an open challenge is looked up, in case its webhook never came."""
LONGEST_DELAY = timedelta(minutes=5)

CancellationReason = Literal["abandoned", "requested_by_customer"]
"""Stripe's words, as far as we use them."""

ORDER_CANCELLED = "order_cancelled"
"""Why the money of an order that ended goes back."""
BY_CUSTOMER = "requested_by_customer"
"""Why money goes back when nobody says anything else."""

WHOLE = frozenset("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF".split())
THOUSANDTHS = frozenset("BHD JOD KWD OMR TND".split())
"""Currencies that Stripe does not count in hundredths, as we do: https://docs.stripe.com/currencies#zero-decimal."""


class Status(StrEnum):
    """Where a payment stands."""

    PENDING = "pending"
    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"


LIVE = frozenset({Status.PENDING, Status.PROCESSING, Status.REQUIRES_ACTION})
PAID = frozenset({Status.SUCCEEDED, Status.PARTIALLY_REFUNDED, Status.REFUNDED})
HOLDING_MONEY = frozenset({Status.SUCCEEDED, Status.PARTIALLY_REFUNDED})


class Refusal(StrEnum):
    """What Stripe would not take in a request: nothing was attempted, and another request may do better."""

    PAYMENT_METHOD = "payment_method"
    CUSTOMER = "customer"
    AMOUNT = "amount"
    REQUEST = "request"
    """Anything else: our own mistake, or our account's."""


class OrderNotPayable(Exception):
    """The order has ended or cannot be paid through Stripe."""


class AlreadyPaid(Exception):
    """The order is paid."""

    def __init__(self) -> None:
        super().__init__("this order is paid")


class PaymentInProgress(Exception):
    """Somebody is paying for the order at this moment."""

    def __init__(self) -> None:
        super().__init__("another payment of this order is in progress; wait for its outcome")


class DiffersFromOrder(Exception):
    """What the customer was shown is not what the order costs. `violations`: field and what would be right."""

    def __init__(self, violations: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{name}: {told}" for name, told in violations))
        self.violations = violations


class NotRefundable(Exception):
    """The payment took no money that could go back."""


class RefundTooLarge(Exception):
    """Not so much is left of the payment. `violations`: the field and what is left."""

    def __init__(self, left_minor: int, currency: str) -> None:
        left = f"at most {left_minor // 100}.{left_minor % 100:02} {currency} is left to refund"
        told = left if left_minor else "nothing is left to refund"
        super().__init__(f"amount: {told}")
        self.violations = [("amount", told)]


class IntentMismatch(Exception):
    """An intent that claims to be a payment's is not what was asked for. Nothing of it may be booked."""


@dataclass(frozen=True)
class Order:
    """What paying for an order needs to know of it."""

    id: UUID
    user_id: UUID
    status: str
    total_minor: int
    currency: str


@dataclass(frozen=True)
class Payment:
    """One attempt of a person to pay for an order."""

    id: UUID
    order_id: UUID
    user_id: UUID
    amount_minor: int
    currency: str
    payment_method: str
    customer_id: str | None
    return_url: str
    """Kept, because a request that is repeated under its key has to be the same to the letter."""
    idempotency_key: str | None
    """The caller's, so that whoever learns the outcome can keep the answer for repeats."""
    created_at: datetime
    asked_at: datetime
    """When Stripe was last asked to charge."""
    status: Status = Status.PROCESSING
    intent_id: str | None = None
    error_code: str | None = None
    decline_code: str | None = None
    refusal: Refusal | None = None
    provider_fee_minor: int | None = None
    net_amount_minor: int | None = None
    settlement_currency: str | None = None
    """What fee and net amount are in: the account's own currency, which need not be the order's."""
    challenge_ends_at: datetime | None = None
    """How long the customer may take to prove who they are, once they were asked."""
    processed_at: datetime | None = None
    late: bool = False
    """The money came after the payment or its order had ended."""
    close_intent: bool = False
    """Nobody may pay through the intent any more: it is to be cancelled at Stripe."""
    check_at: datetime | None = None
    """When the reconciler looks after it; None: there is nothing left to do."""
    checks: int = 0
    """How often it has looked since there was news; counted when it takes the payment."""

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    @property
    def is_paid(self) -> bool:
        return self.status in PAID

    @property
    def counts_as_payment(self) -> bool:
        """Whether the order may not be paid once more."""
        return self.is_live or (self.status in HOLDING_MONEY and not self.late)


@dataclass(frozen=True)
class Settlement:
    """What a charge left on the account's balance."""

    balance_transaction_id: str
    fee_minor: int
    net_minor: int
    currency: str


@dataclass(frozen=True)
class Intent:
    """What Stripe says of a PaymentIntent; nothing of the card."""

    id: str | None
    """None for a decline that came without its intent."""
    status: str
    amount_minor: int
    currency: str
    payment_id: UUID | None
    """Whose it is, by its metadata."""
    charge_id: str | None = None
    settlement: Settlement | None = None
    error_code: str | None = None
    decline_code: str | None = None
    error_message: str | None = None
    cancellation_reason: str | None = None
    client_secret: str | None = field(default=None, repr=False)

    @property
    def is_open(self) -> bool:
        """Whether somebody could still pay through it."""
        return self.status in ("requires_payment_method", "requires_confirmation", "requires_action")


class RefundStatus(StrEnum):
    """Where a refund stands."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Refund:
    """Money that goes back."""

    id: UUID
    payment_id: UUID
    amount_minor: int
    currency: str
    reason: str
    key: str | None
    """The idempotency key it is asked for with; None for one that was made at Stripe by other hands."""
    created_at: datetime
    status: RefundStatus = RefundStatus.PENDING
    stripe_refund_id: str | None = None
    failure_code: str | None = None
    """Why Stripe would not make it."""
    ordered_by: UUID | None = None
    """Who of the staff wanted it; None: the rule for ended orders did, or other hands at Stripe."""
    idempotency_key: str | None = None
    """Theirs, so that whoever learns the outcome can keep the answer for repeats."""
    check_at: datetime | None = None
    checks: int = 0
    processed_at: datetime | None = None
    """When its present outcome became known; None while it is pending."""

    @property
    def takes_from_payment(self) -> bool:
        """Whether its amount went back or is on its way, so that nobody else may give it back."""
        return self.status in (RefundStatus.PENDING, RefundStatus.SUCCEEDED)

    @property
    def has_failed(self) -> bool:
        """Whether it came to nothing, for good."""
        return self.status in (RefundStatus.FAILED, RefundStatus.CANCELLED)


@dataclass(frozen=True)
class StripeRefund:
    """What Stripe says of a refund."""

    id: str
    status: RefundStatus
    amount_minor: int
    currency: str
    refund_id: UUID | None
    """Ours, by its metadata."""
    reason: str | None = None
    failure_code: str | None = None
    """Why the bank sent it back."""


class Entry(StrEnum):
    """Kinds of lines in the ledger."""

    CAPTURE = "capture"
    FEE = "fee"
    REFUND = "refund"
    REFUND_REVERSAL = "refund_reversal"
    """A refund that had succeeded came back from the customer's bank."""


@dataclass(frozen=True)
class LedgerLine:
    """One line of the ledger. The amount is never negative; its kind says which way it went."""

    entry: Entry
    amount_minor: int
    currency: str
    stripe_id: str
    refund_id: UUID | None = None


class News(Enum):
    """What the others are told, each at most once a payment (REFUNDED: once a refund)."""

    CONFIRMED = "confirmed"
    FAILED = "failed"
    REQUIRES_ACTION = "requires_action"
    REFUNDED = "refunded"


@dataclass(frozen=True)
class Change:
    """What applying something to a payment comes to; all of it is stored in one transaction."""

    before: Payment
    after: Payment
    news: News | None = None
    ledger: tuple[LedgerLine, ...] = ()
    refund_all: bool = False
    """The money goes back."""

    @property
    def moved(self) -> bool:
        return self.after.status is not self.before.status


@dataclass(frozen=True)
class RefundChange:
    """What Stripe's word on a refund comes to."""

    payment: Payment
    refund: Refund
    news: News | None = None
    ledger: tuple[LedgerLine, ...] = ()


class Step(Enum):
    """What is to be done about a payment at Stripe."""

    ASK = "ask"
    """Send the request (again), under the same key."""
    SEARCH = "search"
    """Look for an intent with the payment's id: the key may be forgotten, or nobody wants the charge any more."""
    LOOK_UP = "look_up"
    CANCEL = "cancel"
    NOTHING = "nothing"


def require_payable(order: Order, stated_minor: int | None, stated_currency: str | None) -> None:
    """Whether the order may be paid, and costs what the customer was shown, as far as they say what that was.

    Raises AlreadyPaid, OrderNotPayable or DiffersFromOrder.
    """
    if order.status in ("confirmed", "shipped", "delivered"):
        raise AlreadyPaid
    if order.status != "pending":
        raise OrderNotPayable(f"this order is {order.status}; only a pending one can be paid")
    if order.total_minor <= 0:
        raise OrderNotPayable("there is nothing to pay for this order")
    if order.currency in WHOLE | THOUSANDTHS:
        raise OrderNotPayable(f"orders in {order.currency} cannot be paid here")
    violations = []
    if stated_minor is not None and stated_minor != order.total_minor:
        total = f"{order.total_minor // 100}.{order.total_minor % 100:02}"
        violations.append(("amount", f"must be the order's total, {total}"))
    if stated_currency is not None and stated_currency != order.currency:
        violations.append(("currency", f"must be the order's, {order.currency}"))
    if violations:
        raise DiffersFromOrder(violations)


def begin(
    order: Order,
    *,
    payment_id: UUID,
    payment_method: str,
    customer_id: str | None,
    return_url: str,
    idempotency_key: str | None,
    now: datetime,
) -> Payment:
    """A payment of the order that Stripe is about to be asked for."""
    return Payment(
        id=payment_id,
        order_id=order.id,
        user_id=order.user_id,
        amount_minor=order.total_minor,
        currency=order.currency,
        payment_method=payment_method,
        customer_id=customer_id,
        return_url=return_url,
        idempotency_key=idempotency_key,
        created_at=now,
        asked_at=now,
        check_at=now + SETTLE_DELAY,
    )


def require_unpaid(payments: Sequence[Payment]) -> None:
    """Raises AlreadyPaid or PaymentInProgress when one of the order's payments forbids another."""
    for payment in payments:
        if payment.counts_as_payment and payment.is_paid:
            raise AlreadyPaid
    if any(payment.is_live for payment in payments):
        raise PaymentInProgress


def apply_intent(
    payment: Payment, intent: Intent, *, order_ended: bool, now: datetime, challenge_timeout: timedelta
) -> Change:
    """What Stripe's word on the intent makes of the payment. Any word, in any order, any number of times.

    Raises IntentMismatch when the intent is not this payment's.
    """
    _require_same(payment, intent)
    known = replace(payment, intent_id=payment.intent_id or intent.id)
    match intent.status:
        case "succeeded":
            change = _settle(known, intent, now) if payment.is_paid else _capture(known, intent, order_ended, now)
        case "requires_action" | "processing":
            change = _go_on(known, intent, order_ended, now, challenge_timeout)
        case "requires_payment_method" | "requires_confirmation":
            change = _end(known, intent, Status.FAILED, now)
        case "canceled":
            change = _end(known, intent, Status.CANCELLED, now)
        case _:
            raise IntentMismatch(f"intent {intent.id} has the unknown status {intent.status}")
    return replace(change, before=payment)


def apply_refusal(payment: Payment, refusal: Refusal, code: str | None, now: datetime) -> Change:
    """Stripe would not take the request. The payment has failed, and nobody is told.

    PAYMENT_FAILED would cancel the order; but no card was tried, so the customer may come again with one that exists.
    """
    if not payment.is_live:
        return Change(payment, payment)
    failed = replace(_ended(payment, Status.FAILED, now), refusal=refusal, error_code=code or refusal.value)
    return Change(payment, failed)


def conclude_never_charged(payment: Payment, now: datetime) -> Change:
    """Stripe knows no intent of this payment, and none can still be on its way."""
    if not payment.is_live:
        return Change(payment, payment)
    ended = _ended(payment, Status.CANCELLED if payment.close_intent else Status.FAILED, now)
    return Change(payment, replace(ended, error_code=NEVER_CHARGED, decline_code=NEVER_CHARGED), News.FAILED)


def end_with_order(payment: Payment, now: datetime) -> Change:
    """Its order was cancelled: an open payment is to be closed at Stripe, a paid one goes back."""
    if payment.is_live:
        return Change(payment, replace(payment, close_intent=True, checks=0, check_at=now))
    if payment.status in HOLDING_MONEY:
        return Change(payment, payment, refund_all=True)
    return Change(payment, payment)


def after_check(payment: Payment, now: datetime) -> Payment:
    """Looked after without a change: when to look again."""
    return replace(payment, check_at=_next_check(payment, now))


def next_step(payment: Payment, now: datetime) -> Step:
    """What is to be done about the payment at Stripe, now."""
    if payment.is_live and payment.intent_id is None:
        young = now - payment.created_at < KEY_LIFE
        return Step.ASK if young and not payment.close_intent else Step.SEARCH
    if payment.intent_id is not None and (payment.close_intent or challenge_expired(payment, now)):
        return Step.CANCEL
    if payment.is_live or awaits_settlement(payment):
        return Step.LOOK_UP
    return Step.NOTHING


def challenge_expired(payment: Payment, now: datetime) -> bool:
    """Whether the customer has had long enough to prove who they are."""
    ends_at = payment.challenge_ends_at
    return payment.status is Status.REQUIRES_ACTION and ends_at is not None and now >= ends_at


def awaits_settlement(payment: Payment) -> bool:
    """Whether the money is there, but Stripe has not said yet what it keeps."""
    return payment.is_paid and payment.provider_fee_minor is None


def may_conclude(payment: Payment, now: datetime) -> bool:
    """Whether a search that finds nothing proves that there is nothing."""
    return now - payment.asked_at >= SEARCH_LAG


def backoff(checks: int) -> timedelta:
    """How long to wait after so many looks without news: 10 s, doubled each time, 5 min at most."""
    doublings = min(max(checks - 1, 0), 10)
    return min(SETTLE_DELAY * (1 << doublings), LONGEST_DELAY)


def left_to_refund(payment: Payment, refunds: Sequence[Refund]) -> int:
    """What was captured less what went back and what is on its way."""
    return payment.amount_minor - sum(refund.amount_minor for refund in refunds if refund.takes_from_payment)


def order_refund(
    payment: Payment,
    refunds: Sequence[Refund],
    *,
    refund_id: UUID,
    amount_minor: int | None,
    reason: str | None,
    ordered_by: UUID,
    idempotency_key: str | None,
    now: datetime,
) -> Refund:
    """A refund that staff want, of so much or of all that is left; Stripe is about to be asked for it.

    Raises:
        NotRefundable: the payment took no money.
        RefundTooLarge: so much, or anything at all, is not left.
    """
    if not payment.is_paid:
        raise NotRefundable(f"this payment is {payment.status}: only money that was taken can go back")
    left = left_to_refund(payment, refunds)
    if left <= 0 or (amount_minor is not None and amount_minor > left):
        raise RefundTooLarge(max(left, 0), payment.currency)
    return Refund(
        id=refund_id,
        payment_id=payment.id,
        amount_minor=left if amount_minor is None else amount_minor,
        currency=payment.currency,
        reason=reason or BY_CUSTOMER,
        key=str(refund_id),
        created_at=now,
        ordered_by=ordered_by,
        idempotency_key=idempotency_key,
        check_at=now + SETTLE_DELAY,
    )


def late_refund_key(payment_id: UUID, number: int = 1) -> str:
    """The key of a refund that gives an ended order's money back; the first is of all that is left by then.

    Another follows only where one that staff had ordered before came to nothing after all.
    """
    return f"{payment_id}:cancelled" if number == 1 else f"{payment_id}:cancelled:{number}"


def full_refund(payment: Payment, refunds: Sequence[Refund], *, refund_id: UUID, now: datetime) -> Refund | None:
    """The refund of all that is left of an ended order's payment.

    None when nothing is left, and when Stripe or the bank would not have such a refund before: that needs a person.
    """
    left = left_to_refund(payment, refunds)
    before = [refund for refund in refunds if (refund.key or "").startswith(late_refund_key(payment.id))]
    if left <= 0 or any(refund.has_failed for refund in before):
        return None
    return Refund(
        id=refund_id,
        payment_id=payment.id,
        amount_minor=left,
        currency=payment.currency,
        reason=ORDER_CANCELLED,
        key=late_refund_key(payment.id, len(before) + 1),
        created_at=now,
        check_at=now,
    )


def adopt_refund(payment: Payment, seen: StripeRefund, *, refund_id: UUID, now: datetime) -> Refund:
    """Our record of a refund that was made at Stripe by other hands."""
    return Refund(
        id=refund_id,
        payment_id=payment.id,
        amount_minor=seen.amount_minor,
        currency=payment.currency,
        reason=seen.reason or "made_at_stripe",
        key=None,
        created_at=now,
        stripe_refund_id=seen.id,
    )


def apply_refund(
    payment: Payment, refunds: Sequence[Refund], refund: Refund, seen: StripeRefund, now: datetime
) -> RefundChange:
    """What Stripe's word on one of the payment's `refunds` comes to. Any number of times.

    A refund that has succeeded may fail yet (https://docs.stripe.com/refunds#failed-refunds); then the money is ours
    again, which is booked as a reversal. A failed or cancelled one stays so.

    Raises IntentMismatch when the payment holds no money that could go back.
    """
    if not payment.is_paid:
        raise IntentMismatch(f"refund {seen.id} is of payment {payment.id}, which has not been captured")
    undone = refund.status is RefundStatus.SUCCEEDED and seen.status is RefundStatus.PENDING
    status = refund.status if refund.has_failed or undone else seen.status
    waiting = status is RefundStatus.PENDING
    sent_back = status is RefundStatus.FAILED and not refund.has_failed
    after = replace(
        refund,
        stripe_refund_id=seen.id,
        status=status,
        failure_code=seen.failure_code if sent_back else refund.failure_code,
        checks=refund.checks if waiting else 0,
        check_at=now + backoff(refund.checks) if waiting else None,
        processed_at=refund.processed_at if status is refund.status else now,
    )
    given_back = sum(r.amount_minor for r in refunds if r.id != refund.id and r.status is RefundStatus.SUCCEEDED)
    if status is RefundStatus.SUCCEEDED:
        given_back += refund.amount_minor
    moved = replace(payment, status=_status_after_refunds(payment, given_back))
    if status is refund.status:
        return RefundChange(moved, after)
    return RefundChange(moved, after, *_told_and_booked(refund, after))


def abandon_refund(refund: Refund, code: str | None, now: datetime) -> Refund:
    """Stripe will not make this refund: there is nothing left to give back, or it needs a person."""
    code = code or REFUND_REFUSED
    return replace(refund, status=RefundStatus.FAILED, failure_code=code, check_at=None, processed_at=now)


def _told_and_booked(before: Refund, after: Refund) -> tuple[News | None, tuple[LedgerLine, ...]]:
    assert after.stripe_refund_id is not None  # noqa: S101 - Stripe has just spoken of it
    if after.status is RefundStatus.SUCCEEDED:
        entry, news = Entry.REFUND, News.REFUNDED
    elif before.status is RefundStatus.SUCCEEDED:
        entry, news = Entry.REFUND_REVERSAL, None
    else:
        return None, ()
    return news, (LedgerLine(entry, after.amount_minor, after.currency, after.stripe_refund_id, after.id),)


def _status_after_refunds(payment: Payment, given_back: int) -> Status:
    if given_back >= payment.amount_minor:
        return Status.REFUNDED
    return Status.PARTIALLY_REFUNDED if given_back else Status.SUCCEEDED


def _require_same(payment: Payment, intent: Intent) -> None:
    same_intent = payment.intent_id is None or intent.id is None or intent.id == payment.intent_id
    same_price = (intent.amount_minor, intent.currency) == (payment.amount_minor, payment.currency)
    if not (same_intent and same_price and intent.payment_id == payment.id):
        raise IntentMismatch(f"intent {intent.id} is not the one of payment {payment.id}")


def _capture(payment: Payment, intent: Intent, order_ended: bool, now: datetime) -> Change:
    """The money has been taken."""
    late = order_ended or not payment.is_live
    captured = replace(
        payment,
        status=Status.SUCCEEDED,
        processed_at=now,
        error_code=None,
        decline_code=None,
        late=late,
        close_intent=False,
        checks=0,
    )
    line = LedgerLine(Entry.CAPTURE, payment.amount_minor, payment.currency, intent.charge_id or str(intent.id))
    settled = _settle(captured, intent, now)
    return replace(
        settled,
        ledger=(line, *settled.ledger),
        news=None if late else News.CONFIRMED,
        refund_all=late,
    )


def _settle(payment: Payment, intent: Intent, now: datetime) -> Change:
    """The money is there; now Stripe may say what it keeps."""
    settlement = intent.settlement
    if not awaits_settlement(payment):
        return Change(payment, payment)
    if settlement is None:
        return Change(payment, after_check(payment, now))
    settled = replace(
        payment,
        provider_fee_minor=settlement.fee_minor,
        net_amount_minor=settlement.net_minor,
        settlement_currency=settlement.currency,
        check_at=None,
        checks=0,
    )
    fee = LedgerLine(Entry.FEE, settlement.fee_minor, settlement.currency, settlement.balance_transaction_id)
    return Change(payment, settled, ledger=(fee,))


def _go_on(payment: Payment, intent: Intent, order_ended: bool, now: datetime, challenge_timeout: timedelta) -> Change:
    """Nothing is decided yet."""
    if not payment.is_live:
        return Change(payment, payment)
    status = Status.REQUIRES_ACTION if intent.status == "requires_action" else Status.PROCESSING
    challenged = status is Status.REQUIRES_ACTION and payment.challenge_ends_at is None
    learned = replace(
        payment,
        status=status,
        challenge_ends_at=now + challenge_timeout if challenged else payment.challenge_ends_at,
        close_intent=payment.close_intent or order_ended,
        checks=payment.checks if status is payment.status else 0,
    )
    told = challenged and not learned.close_intent
    return Change(payment, _scheduled(learned, now), News.REQUIRES_ACTION if told else None)


def _end(payment: Payment, intent: Intent, status: Status, now: datetime) -> Change:
    """It came to nothing. An intent that is still open is closed: else the customer could pay through it afterwards."""
    if payment.is_paid:
        return Change(payment, payment)
    if not payment.is_live:
        return Change(payment, _closed(payment, intent, now))
    ended = replace(
        _ended(payment, status, now),
        error_code=intent.error_code or intent.cancellation_reason or DECLINED_WITHOUT_REASON,
        decline_code=_decline_code(intent) if status is Status.FAILED else None,
    )
    return Change(payment, _closed(ended, intent, now), News.FAILED)


def _decline_code(intent: Intent) -> str:
    return intent.decline_code or intent.error_code or DECLINED_WITHOUT_REASON


def _ended(payment: Payment, status: Status, now: datetime) -> Payment:
    return replace(payment, status=status, processed_at=now, close_intent=False, check_at=None, checks=0)


def _closed(payment: Payment, intent: Intent, now: datetime) -> Payment:
    open_still = intent.is_open and intent.id is not None
    return _scheduled(replace(payment, close_intent=open_still), now)


def _scheduled(payment: Payment, now: datetime) -> Payment:
    """At once when there is something new to do at Stripe, else when it is time to look again."""
    if payment.close_intent and payment.checks == 0:
        return replace(payment, check_at=now)
    return replace(payment, check_at=_next_check(payment, now))


def _next_check(payment: Payment, now: datetime) -> datetime | None:
    if payment.status is Status.REQUIRES_ACTION and not payment.close_intent:
        ends_at = payment.challenge_ends_at
        in_a_while = now + CHALLENGE_POLL
        return ends_at if ends_at is not None and now < ends_at < in_a_while else in_a_while
    if payment.is_live or payment.close_intent or awaits_settlement(payment):
        return now + backoff(payment.checks)
    return None
