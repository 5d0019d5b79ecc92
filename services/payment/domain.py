"""Payments: what may become of one, decided here and nowhere else. Pure: no I/O, no proto, no clock of its own.

What Stripe says of a payment reaches us by several ways (its first answer, a look-up, a webhook, a request repeated
after a crash), late, twice and in any order. All of them end in `apply_intent`, which only ever moves forward:

    processing ⇄ requires_action      live: anything may still happen
      └── failed, cancelled           ended unpaid
            └── succeeded             money was taken; that is a fact whatever we believed before
                  └── partially_refunded, refunded

Money that arrives after a payment or its order had ended is `late`: it is booked, never announced as a payment, and
goes back in full. What goes back in full is looked at again whenever anything about it has changed (`give_back`), until
nothing is left, or until the rules are at an end: then the payment is `stranded`, which is for a person. Amounts are
minor units of their currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Literal, TypeVar
from uuid import UUID

from services.chassis import money
from services.chassis.money import Money, NotMoney

DECLINED_WITHOUT_REASON = "card_declined"
"""Stripe's word for a decline that says nothing more (https://docs.stripe.com/declines/codes)."""
REFUND_REFUSED = "refund_refused"
"""Why a refund has failed that Stripe would not make without saying why."""
NEVER_CHARGED = "processing_error"
"""What a payment is told to have failed with when Stripe turns out never to have heard of it."""

KEY_LIFE = timedelta(hours=23)
"""How long a request may be repeated under its idempotency key: Stripe forgets keys after 24 h at the earliest
(https://docs.stripe.com/api/idempotent_requests)."""
FIRST_PAUSE = timedelta(seconds=10)
"""How long after a look without news the next one comes."""
CHALLENGE_POLL = timedelta(minutes=2)
"""How often an open challenge is looked up, in case its webhook never came."""
LONGEST_DELAY = timedelta(minutes=5)
LONGEST_FEE_DELAY = timedelta(days=1)
FEE_SOUGHT = timedelta(days=30)
"""How rarely, and for how long after the capture, Stripe is asked what it keeps: a fee that could not be read may be
readable by then (a newer version of ours), and nobody waits for it."""
STRANDED_POLL = timedelta(hours=1)
"""How often stranded money is looked up: a person may have put it right at Stripe."""
SERVER_ERRORS = 3
"""So many failures of Stripe's servers under one key: it keeps them, and will not say anything else under that key
(https://docs.stripe.com/api/idempotent_requests)."""
MOST_KEYS = 3
"""Under so many keys a request is tried that Stripe's servers fail at."""
AUTOMATIC_TRIES = 5
"""So many refunds of an ended order's money may be refused before it needs a person."""

CancellationReason = Literal["abandoned", "requested_by_customer"]
"""Stripe's words, as far as we use them."""

ORDER_CANCELLED = "order_cancelled"
"""Why the money of an order that ended goes back."""
BY_CUSTOMER = "requested_by_customer"
"""Why money goes back when nobody says anything else."""


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


T = TypeVar("T", "Payment", "Refund")

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
        super().__init__("this order is already paid")


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


class RefundRefused(Exception):
    """No such amount can be given back in the payment's currency. `violations`: the field and what would be right."""

    def __init__(self, told: str) -> None:
        super().__init__(f"amount: {told}")
        self.violations = [("amount", told)]


class RefundTooLarge(Exception):
    """Not so much is left of the payment. `violations`: the field and what is left."""

    def __init__(self, left_minor: int, currency: str) -> None:
        left = f"at most {Money(left_minor, currency)} is left to refund"
        told = left if left_minor else "nothing is left to refund"
        super().__init__(f"amount: {told}")
        self.violations = [("amount", told)]


class Stranded(StrEnum):
    """Why a payment needs a person: all that the rules can do about it has been done."""

    REFUND_RETURNED = "refund_returned"
    """The customer's bank sent the money back, and would again."""
    REFUND_REFUSED = "refund_refused"
    """Stripe has refused to give the money back so often that asking again has no sense."""
    DISPUTED = "disputed"
    """The customer has the money back for the time being, through their bank; who keeps it is not decided."""
    DISPUTE_LOST = "dispute_lost"
    """The customer has had money back through their bank: a refund would pay it twice."""
    UNKNOWN_AT_STRIPE = "unknown_at_stripe"
    """Stripe does not know the payment's intent: another account, or another account's key."""


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

    @property
    def total(self) -> Money:
        return Money(self.total_minor, self.currency)


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
    key_number: int = 1
    """Which of the payment's keys Stripe is asked with; another follows where Stripe keeps a failure under one."""
    server_errors: int = 0
    """How often Stripe's servers have failed under that key."""
    give_back: bool = False
    """Whatever it holds goes back: it came late, or its order was cancelled."""
    stranded: Stranded | None = None
    """Why it needs a person."""
    given_back_otherwise: str | None = None
    """How a person has settled what could not go back through Stripe, in their words."""
    dispute: DisputeState | None = None
    """How the customer's disputes of it stand, the worst of them."""

    @property
    def key(self) -> str:
        """The idempotency key that Stripe is asked with."""
        return _numbered(str(self.id), self.key_number)

    @property
    def owes(self) -> bool:
        """Whether it holds money that is to go back."""
        return self.give_back and self.status in HOLDING_MONEY and self.given_back_otherwise is None

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


@dataclass(frozen=True)
class SeenIntent:
    """An intent in the account's list, with what has become of its charge. Amounts are in Stripe's units."""

    id: str
    status: str
    created_at: datetime
    stripe_amount: int
    currency: str
    payment_id: UUID | None
    """Whose it is, by its metadata."""
    stripe_refunded: int
    """What went back and what is on its way back."""
    is_disputed: bool


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
    key_number: int = 1
    server_errors: int = 0
    """As with payments."""
    processed_at: datetime | None = None
    """When its present outcome became known; None while it is pending."""

    @property
    def asked_with(self) -> str | None:
        """The idempotency key that Stripe is asked with: `key`, or one that follows it."""
        return None if self.key is None else _numbered(self.key, self.key_number)

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


class DisputeState(StrEnum):
    """How a dispute stands (https://docs.stripe.com/disputes/how-disputes-work), from the least to the worst."""

    WON = "won"
    """Over, and the money is ours: won, withdrawn or prevented."""
    INQUIRY = "inquiry"
    """The bank asks; no money has moved."""
    OPEN = "open"
    LOST = "lost"


@dataclass(frozen=True)
class Movement:
    """Money that a dispute has moved on our balance."""

    balance_transaction_id: str
    amount_minor: int
    """Less than nothing: it was taken from us."""
    fee_minor: int
    """Less than nothing: it was given back."""
    currency: str


@dataclass(frozen=True)
class StripeDispute:
    """What Stripe says of a dispute."""

    id: str
    status: str
    state: DisputeState
    amount_minor: int
    currency: str
    reason: str
    movements: tuple[Movement, ...] = ()


class Entry(StrEnum):
    """Kinds of lines in the ledger."""

    CAPTURE = "capture"
    FEE = "fee"
    REFUND = "refund"
    REFUND_REVERSAL = "refund_reversal"
    """A refund that had succeeded came back from the customer's bank."""
    DISPUTE = "dispute"
    """The customer's bank took money back."""
    DISPUTE_REVERSAL = "dispute_reversal"
    """It gave it to us again."""
    DISPUTE_FEE = "dispute_fee"
    DISPUTE_FEE_REVERSAL = "dispute_fee_reversal"


@dataclass(frozen=True)
class LedgerLine:
    """One line of the ledger. The amount is never negative; its kind says which way it went."""

    entry: Entry
    amount_minor: int
    currency: str
    stripe_id: str
    refund_id: UUID | None = None


class News(Enum):
    """What the others are told, each at most once a payment (of refunds: once a refund)."""

    CONFIRMED = "confirmed"
    FAILED = "failed"
    REQUIRES_ACTION = "requires_action"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    """The customer's bank has sent the money back."""


@dataclass(frozen=True)
class Change:
    """What applying something to a payment comes to; all of it is stored in one transaction."""

    before: Payment
    after: Payment
    news: News | None = None
    ledger: tuple[LedgerLine, ...] = ()

    @property
    def moved(self) -> bool:
        return self.after.status is not self.before.status


@dataclass(frozen=True)
class GivingBack:
    """What is done about money that goes back in full."""

    payment: Payment
    refund: Refund | None = None
    """One that is to be written down, and asked for."""


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
    GIVE_BACK = "give_back"
    """Look what has become of the money that goes back, and go on giving it back."""
    NOTHING = "nothing"


def require_payable(order: Order, stated_amount: Decimal | None, stated_currency: str | None) -> None:
    """Whether the order may be paid, and costs what the customer was shown, as far as they say what that was.

    Raises AlreadyPaid, OrderNotPayable or DiffersFromOrder.
    """
    if order.status in ("confirmed", "shipped", "delivered"):
        raise AlreadyPaid
    if order.status != "pending":
        raise OrderNotPayable(f"this order is {order.status}; only a pending one can be paid")
    if order.total_minor <= 0:
        raise OrderNotPayable("this order has nothing to pay")
    problem = money.charge_problem(order.total)  # of before such orders were refused
    if problem is not None:
        raise OrderNotPayable(f"an order of {order.total} cannot be paid: a charge {problem}")
    violations = []
    if stated_amount is not None and stated_amount != order.total.decimal:
        violations.append(("amount", f"must be the order's total, {order.total.text}"))
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
    takes_at_most: timedelta,
) -> Payment:
    """A payment of the order that Stripe is about to be asked for, which takes so long at most."""
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
        check_at=now + takes_at_most,
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
    known = replace(payment, intent_id=payment.intent_id or intent.id, stranded=_known_again(payment))
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
    # Also where all has gone back by now: the customer's bank may send it back yet.
    return Change(payment, replace(payment, give_back=payment.is_paid))


def after_check(payment: Payment, now: datetime) -> Payment:
    """Looked after without a change: when to look again."""
    return replace(payment, check_at=_next_check(payment, now))


def next_step(payment: Payment, now: datetime) -> Step:
    """What is to be done about the payment at Stripe, now."""
    if payment.is_live and payment.intent_id is None:
        may_ask = is_young(payment.created_at, now) and not payment.close_intent and not key_is_spent(payment)
        return Step.ASK if may_ask else Step.SEARCH
    if payment.intent_id is not None and (payment.close_intent or challenge_expired(payment, now)):
        return Step.CANCEL
    if payment.is_live or awaits_settlement(payment):
        return Step.LOOK_UP
    return Step.GIVE_BACK if payment.owes else Step.NOTHING


def is_young(created_at: datetime, now: datetime) -> bool:
    """Whether Stripe certainly remembers the key of a request of that time."""
    return now - created_at < KEY_LIFE


def key_is_spent(asked: Payment | Refund) -> bool:
    """Whether Stripe keeps a failure of its own under the key."""
    return asked.server_errors >= SERVER_ERRORS


def may_take_another_key(asked: Payment | Refund, now: datetime) -> bool:
    """Whether Stripe, which certainly has not done what it was asked for, may be asked under another key."""
    return key_is_spent(asked) and asked.key_number < MOST_KEYS and is_young(asked.created_at, now)


def with_next_key(asked: T) -> T:
    """As it is to be asked for from now on."""
    return replace(asked, key_number=asked.key_number + 1, server_errors=0)


def strand(payment: Payment, why: Stranded, now: datetime) -> Payment:
    """It needs a person."""
    stranded = replace(payment, stranded=why)
    return replace(stranded, check_at=_next_check(stranded, now))


def unstrand(payment: Payment, now: datetime) -> Payment:
    """A person wants it tried again."""
    return replace(payment, stranded=None, checks=0, check_at=now)


def settle_otherwise(payment: Payment, how: str, now: datetime) -> Change:
    """A person has settled what could not be settled through Stripe: nobody looks after it any more."""
    if payment.is_live:
        failed = replace(_ended(payment, Status.FAILED, now), stranded=None)
        return Change(payment, replace(failed, error_code=NEVER_CHARGED, decline_code=NEVER_CHARGED), News.FAILED)
    settled = replace(payment, stranded=None, given_back_otherwise=how, close_intent=False, check_at=None)
    return Change(payment, settled)


def challenge_expired(payment: Payment, now: datetime) -> bool:
    """Whether the customer has had long enough to prove who they are."""
    ends_at = payment.challenge_ends_at
    return payment.status is Status.REQUIRES_ACTION and ends_at is not None and now >= ends_at


def awaits_settlement(payment: Payment) -> bool:
    """Whether the money is there, but Stripe has not said yet what it keeps."""
    return payment.is_paid and payment.provider_fee_minor is None


def may_conclude(payment: Payment, now: datetime, visible_within: timedelta) -> bool:
    """Whether a search that finds nothing proves that there is nothing.

    visible_within: how long after a request began the search shows what it did, at the latest. Should
    it take longer once, the rule for late money mends it.
    """
    return now - payment.asked_at >= visible_within


def backoff(checks: int, longest: timedelta = LONGEST_DELAY) -> timedelta:
    """How long to wait after so many looks without news: 10 s, doubled each time, 5 min at most."""
    doublings = min(max(checks - 1, 0), 14)
    return min(FIRST_PAUSE * (1 << doublings), longest)


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
    takes_at_most: timedelta,
) -> Refund:
    """A refund that staff want, of so much or of all that is left; Stripe is about to be asked, so long at most.

    Raises:
        NotRefundable: the payment took no money, or a dispute of it was lost.
        RefundTooLarge: so much, or anything at all, is not left.
    """
    if not payment.is_paid:
        raise NotRefundable(f"this payment is {payment.status}: only captured payments can be refunded")
    if payment.dispute is DisputeState.LOST:
        raise NotRefundable("a dispute of this payment was lost: the bank has already returned the money")
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
        check_at=now + takes_at_most,
    )


def refundable_minor(amount: Decimal, currency: str) -> int:
    """The minor units of an amount that staff want given back. Raises RefundRefused when the currency has none such."""
    try:
        wanted = Money.of(amount, currency)
    except NotMoney as error:
        raise RefundRefused(str(error)) from error
    problem = money.part_problem(wanted)
    if problem is not None:
        raise RefundRefused(problem)
    return wanted.minor


def late_refund_key(payment_id: UUID, number: int = 1) -> str:
    """The key of a refund that gives an ended order's money back: the first one, or one that follows."""
    return f"{payment_id}:cancelled" if number == 1 else f"{payment_id}:cancelled:{number}"


def give_back(
    payment: Payment, refunds: Sequence[Refund], *, refund_id: UUID, now: datetime, insist: bool = False
) -> GivingBack:
    """What is to be done about a payment whose money goes back in full, whenever anything about it has changed.

    What is left is computed anew each time: others give back as well, refunds are refused, and come back from banks.

    insist: a person wants another try, whatever became of those before; not where that would pay twice.
    """
    if not payment.give_back:
        return GivingBack(payment)
    if not payment.owes:
        return GivingBack(_watched(replace(payment, stranded=None), now))
    left = left_to_refund(payment, refunds)
    before = [refund for refund in refunds if (refund.key or "").startswith(late_refund_key(payment.id))]
    why = _at_an_end(payment, before, insist=insist) if left > 0 else None
    watched = _watched(replace(payment, stranded=why), now)
    if left <= 0 or why is not None:
        return GivingBack(watched)
    refused = sum(refund.has_failed and refund.amount_minor == left for refund in before)
    refund = Refund(
        id=refund_id,
        payment_id=payment.id,
        amount_minor=left,
        currency=payment.currency,
        reason=ORDER_CANCELLED,
        key=late_refund_key(payment.id, len(before) + 1),
        created_at=now,
        check_at=now + backoff(refused) if refused and not insist else now,
    )
    return GivingBack(watched, refund)


def _watched(payment: Payment, now: datetime) -> Payment:
    return payment if awaits_settlement(payment) else replace(payment, check_at=_next_check(payment, now))


def _at_an_end(payment: Payment, before: Sequence[Refund], *, insist: bool) -> Stranded | None:
    """Why the rule gives nothing back any more; None: it does."""
    if payment.dispute is DisputeState.LOST:
        return Stranded.DISPUTE_LOST
    if payment.dispute is DisputeState.OPEN:
        return Stranded.DISPUTED
    failed = [refund for refund in before if refund.has_failed]
    if insist:
        return None
    if any(refund.stripe_refund_id is not None for refund in failed):
        return Stranded.REFUND_RETURNED
    return Stranded.REFUND_REFUSED if len(failed) >= AUTOMATIC_TRIES else None


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
    again, which is booked as a reversal. A failed or cancelled one stays so, unless it is one that we gave up.

    Raises IntentMismatch when the payment holds no money that could go back.
    """
    if not payment.is_paid:
        raise IntentMismatch(f"refund {seen.id} is of payment {payment.id}, which has not been captured")
    undone = refund.status is RefundStatus.SUCCEEDED and seen.status is RefundStatus.PENDING
    over = refund.has_failed and refund.stripe_refund_id is not None
    status = refund.status if over or undone else seen.status
    waiting = status is RefundStatus.PENDING
    sent_back = status is RefundStatus.FAILED and not over
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
    if status is refund.status and not sent_back:
        return RefundChange(moved, after)
    return RefundChange(moved, after, *_told_and_booked(refund, after))


def dispute_lines(dispute: StripeDispute, booked: Set[str]) -> tuple[LedgerLine, ...]:
    """What of the money that a dispute has moved is to be booked; `booked`: the balance transactions that are."""
    lines = []
    for moved in dispute.movements:
        if moved.balance_transaction_id in booked:
            continue
        fee = Entry.DISPUTE_FEE if moved.fee_minor > 0 else Entry.DISPUTE_FEE_REVERSAL
        entry = Entry.DISPUTE if moved.amount_minor < 0 else Entry.DISPUTE_REVERSAL
        for kind, amount in ((entry, moved.amount_minor), (fee, moved.fee_minor)):
            if amount:
                lines.append(LedgerLine(kind, abs(amount), moved.currency, moved.balance_transaction_id))
    return tuple(lines)


def worst(disputes: Iterable[DisputeState]) -> DisputeState | None:
    """How disputes of one payment stand, taken together."""
    order = list(DisputeState)
    return max(disputes, key=order.index, default=None)


def abandon_refund(refund: Refund, code: str | None, now: datetime) -> Refund:
    """Stripe will not make this refund: there is nothing left to give back, or it needs a person."""
    code = code or REFUND_REFUSED
    return replace(refund, status=RefundStatus.FAILED, failure_code=code, check_at=None, processed_at=now)


def _told_and_booked(before: Refund, after: Refund) -> tuple[News | None, tuple[LedgerLine, ...]]:
    assert after.stripe_refund_id is not None  # noqa: S101 - Stripe has just spoken of it
    if after.status is RefundStatus.SUCCEEDED:
        entry, news = Entry.REFUND, News.REFUNDED
    elif before.status is RefundStatus.SUCCEEDED:
        entry, news = Entry.REFUND_REVERSAL, News.REFUND_FAILED
    else:
        return News.REFUND_FAILED if after.status is RefundStatus.FAILED else None, ()
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
        give_back=late,
        close_intent=False,
        checks=0,
    )
    line = LedgerLine(Entry.CAPTURE, payment.amount_minor, payment.currency, intent.charge_id or str(intent.id))
    settled = _settle(captured, intent, now)
    return replace(
        settled,
        ledger=(line, *settled.ledger),
        news=None if late else News.CONFIRMED,
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
        checks=0,
    )
    settled = replace(settled, check_at=_next_check(settled, now))
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


def _known_again(payment: Payment) -> Stranded | None:
    """Stripe speaks of the intent, so it knows it."""
    return None if payment.stranded is Stranded.UNKNOWN_AT_STRIPE else payment.stranded


def _numbered(key: str, number: int) -> str:
    return key if number == 1 else f"{key}:{number}"


def _next_check(payment: Payment, now: datetime) -> datetime | None:
    if payment.stranded is not None:
        return now + STRANDED_POLL if payment.owes else None
    if payment.status is Status.REQUIRES_ACTION and not payment.close_intent:
        ends_at = payment.challenge_ends_at
        in_a_while = now + CHALLENGE_POLL
        return ends_at if ends_at is not None and now < ends_at < in_a_while else in_a_while
    if payment.is_live or payment.close_intent:
        return now + backoff(payment.checks)
    if payment.owes:
        return now + LONGEST_DELAY
    if awaits_settlement(payment) and payment.processed_at is not None and now < payment.processed_at + FEE_SOUGHT:
        return now + backoff(payment.checks, LONGEST_FEE_DELAY)
    return None
