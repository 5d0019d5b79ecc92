"""What the use cases need of the world, in the words of the domain. `adapters/` implements each port."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from services.chassis.plain import unit_of_work
from services.chassis.plain.money import Money
from services.payment.domain.charges import Attempt, Charge, CloseReason, ListedCharge, Refusal
from services.payment.domain.credit import ComparedCredit, CreditEntry
from services.payment.domain.disputes import DisputeState, ProviderDispute
from services.payment.domain.facts import Fact
from services.payment.domain.ledger import LedgerLine
from services.payment.domain.notices import Notice
from services.payment.domain.orders import KnownOrder, Order
from services.payment.domain.payments import Compared, Payment, Stranded, StrandedPayment
from services.payment.domain.refunds import ProviderRefund, Refund, RefundStatus

A = TypeVar("A")


class NotStorable(Exception):
    """The store refuses a value, whatever it holds; the cause says why."""


class Payments(Protocol):
    """Payments, and attempts at them."""

    async def add(self, payment: Payment, client_app: str) -> None:
        """Stores a payment that begins. Raises PaymentInProgress: the order has a live or paid one."""

    async def find(self, payment_id: UUID) -> Payment | None:
        """The payment of this id."""

    async def find_by_charge(self, provider: str, reference: str) -> Payment | None:
        """The payment that a charge at the provider belongs to."""

    async def find_by_capture(self, provider: str, reference: str) -> Payment | None:
        """The payment that a capture is booked for."""

    async def lock(self, payment_id: UUID) -> Payment:
        """The payment, which exists, locked until the unit of work ends."""

    async def lock_of_order(self, order_id: UUID) -> list[Payment]:
        """All payments of an order, locked until the unit of work ends."""

    async def of_order(self, order_id: UUID) -> list[Payment]:
        """All payments of an order, newest first."""

    async def page(
        self, *, user_id: UUID | None, order_id: UUID | None, before: UUID | None, limit: int
    ) -> list[Payment]:
        """Up to `limit` payments of a person, of an order, or of both, older than `before`, newest first."""

    async def save(self, payment: Payment) -> None:
        """Writes the payment's state. The request itself never changes. Raises NotStorable."""

    async def begin_asking(self, payment: Payment, now: datetime) -> bool:
        """Records that the provider is about to be asked again, under the payment's key.

        False: by now this is not needed, or must not happen.
        """

    async def take_next_key(self, payment: Payment) -> bool:
        """Lets the provider be asked under another key from now on. False: another process has done so."""

    async def count_server_error(self, payment: Payment) -> None:
        """Records that the provider's servers have failed under the key that it was asked with."""

    async def take_due(self, now: datetime, lease: timedelta, limit: int, providers: Collection[str]) -> list[Payment]:
        """Up to `limit` payments of these providers that are due; nobody else takes them before the lease has ended.

        Payments of others are left to a version of the service that knows their provider.
        """

    async def put_off(self, payment: Payment, leased_until: datetime) -> None:
        """Writes when the payment is due next, unless it has changed since it was taken."""

    async def after(self, payment_id: UUID | None, limit: int) -> list[UUID]:
        """Up to `limit` payments whose ids follow this one, by id, which is the order in which they began."""

    async def begun_between(self, provider: str, first: datetime, last: datetime, limit: int) -> list[Payment]:
        """Up to `limit` payments with a charge at the provider that began between two instants; none is stranded."""

    async def compared(self, payment_ids: Sequence[UUID], settled: timedelta) -> list[Compared]:
        """Those of these payments that have not changed for this long, each with the sums of refunds and books."""

    async def attend(self, payment_id: UUID, now: datetime) -> None:
        """Makes a payment due that nothing looks after. One that is due some time, or stranded, stays as it is."""

    async def add_attempt(self, payment_id: UUID, attempt: Attempt) -> None:
        """Appends to the attempts at a payment, which is locked."""


class Refunds(Protocol):
    """Refunds. The caller holds the payment's lock where a refund is written."""

    async def add(self, refund: Refund) -> None:
        """Stores a new refund."""

    async def find(self, refund_id: UUID) -> Refund | None:
        """The refund of this id."""

    async def of_payment(self, payment_id: UUID) -> list[Refund]:
        """All refunds of a payment, oldest first."""

    async def page(self, payment_id: UUID, *, before: UUID | None, limit: int) -> list[Refund]:
        """Up to `limit` refunds of a payment older than `before`, newest first."""

    async def has_status(self, provider: str, reference: str, status: RefundStatus) -> bool:
        """Whether the refund with the provider's reference is known to have this status."""

    async def save(self, refund: Refund) -> None:
        """Writes the refund's state."""

    async def take_next_key(self, refund: Refund) -> bool:
        """Lets the provider be asked under another key from now on. False: another process has done so."""

    async def count_server_error(self, refund: Refund) -> None:
        """Records that the provider's servers have failed under the key that it was asked with."""

    async def take_due(self, now: datetime, lease: timedelta, limit: int, providers: Collection[str]) -> list[Refund]:
        """Up to `limit` refunds of these providers that are due; nobody else takes them before the lease has ended."""

    async def put_off(self, refund: Refund, leased_until: datetime) -> None:
        """Writes when the refund is due next, unless it has changed since it was taken."""


class Ledger(Protocol):
    """The books, append-only."""

    async def add(self, payment_id: UUID, lines: Sequence[LedgerLine]) -> None:
        """Books lines. The same line a second time is an error: money was counted twice. Raises NotStorable."""

    async def booked(self, payment_id: UUID) -> frozenset[str]:
        """The references of all that is booked of a payment, which the caller has locked."""


class Disputes(Protocol):
    """Disputes of payments."""

    async def keep(self, payment_id: UUID, provider: str, dispute: ProviderDispute) -> None:
        """Writes a dispute of the payment, which is locked. An open state does not replace a final one."""

    async def of_payment(self, payment_id: UUID) -> Mapping[str, DisputeState]:
        """The state of each dispute of a payment, which the caller has locked, by the provider's reference."""


class Credit(Protocol):
    """Customers' store credit."""

    async def add(self, entry: CreditEntry) -> None:
        """Writes an entry that adds to the customer's balance. A second entry of one refund is an error."""

    async def of_user(self, user_id: UUID) -> list[Money]:
        """The customer's balances, by currency. One that never had an entry is absent."""

    async def page(self, user_id: UUID, *, before: UUID | None, limit: int) -> list[CreditEntry]:
        """Up to `limit` entries of a customer older than `before`, newest first."""

    async def users_after(self, user_id: UUID | None, limit: int) -> list[UUID]:
        """Up to `limit` customers with a balance whose ids follow this one, by id."""

    async def compared(self, user_ids: Sequence[UUID]) -> list[ComparedCredit]:
        """The balances of these customers, each with the sum of its entries."""


class PaidOrders(Protocol):
    """Orders, as far as their payments take turns on them."""

    async def lock(self, order_id: UUID) -> None:
        """Waits until nobody else changes the order's payments, and keeps it so until the unit of work ends.

        Whatever changes what an order's payments come to begins with it: so a payment that begins, an outcome that is
        recorded and a cancellation of the order take turns, and each sees what the one before it decided.
        """

    async def has_ended(self, order_id: UUID) -> bool:
        """Whether the order takes no payment any more."""

    async def end(self, order_id: UUID) -> None:
        """Records that the order takes no payment any more, also where it has none."""


class Notices(Protocol):
    """Notices that were applied."""

    async def was_processed(self, notice: Notice) -> bool:
        """Whether the provider's notice has been applied."""

    async def processed(self, notice: Notice, payment_id: UUID) -> None:
        """Records that a notice about a payment needs nothing more."""


class StrandedPayments(Protocol):
    """Payments that need a person."""

    async def oldest(self, limit: int) -> list[StrandedPayment]:
        """Up to `limit` of them, oldest first."""

    async def ids(self) -> list[UUID]:
        """All of them, oldest first."""

    async def counts(self) -> Mapping[Stranded, int]:
        """How many there are, by reason; reasons without any are absent."""


@dataclass(frozen=True)
class KeptUnder:
    """Where the answer to a request that may be repeated is kept."""

    scope: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True)
class Replay(Generic[A]):
    """A request with a key that an earlier one has used."""

    where: KeptUnder
    answer: A | None
    """What the earlier request was answered; None: it is not answered yet."""


class Answers(Protocol):
    """Answers that are kept for repeats, where a request takes more than one unit of work."""

    async def claim(self, where: KeptUnder, answer: type[A]) -> Replay[A] | None:
        """Claims the key in this unit of work. Not None: an earlier request with the same content has it.

        Raises:
            IdempotencyMismatch: the key was used with other content.
            IdempotencyInFlight: another unit of work is claiming it at this moment (`in_flight.patiently`).
        """

    async def keep(self, scope: str, key: str, answer: object) -> None:
        """Keeps the answer to the request that claimed the key. The first answer stays."""

    async def forget(self, scope: str, key: str) -> None:
        """Lets go of a key whose request certainly had no effect: a repeat starts anew. An answered key stays."""


class PaymentUnit(unit_of_work.UnitOfWork[Fact], Protocol):
    """One transaction on payments, refunds and the books."""

    @property
    def payments(self) -> Payments:
        """Payments, and attempts at them."""

    @property
    def refunds(self) -> Refunds:
        """Refunds."""

    @property
    def ledger(self) -> Ledger:
        """The books."""

    @property
    def disputes(self) -> Disputes:
        """Disputes of payments."""

    @property
    def credit(self) -> Credit:
        """Customers' store credit."""

    @property
    def orders(self) -> PaidOrders:
        """Orders, as far as their payments take turns on them."""

    @property
    def notices(self) -> Notices:
        """Notices that were applied."""

    @property
    def stranded(self) -> StrandedPayments:
        """Payments that need a person."""

    @property
    def answers(self) -> Answers:
        """Answers that are kept for repeats."""


class Work(unit_of_work.UnitsOfWork[PaymentUnit], Protocol):
    """Opens units of work."""

    async def answer(self, where: KeptUnder, answer: type[A]) -> A:
        """The answer to the request that has the key, as soon as it is kept.

        Raises:
            IdempotencyInFlight: it is not within this call's deadline.
            IdempotencyMismatch: the key was used with other content.
        """


class Orders(Protocol):
    """The order service."""

    async def look_up(self, order_id: UUID) -> Order:
        """The order. Raises OrderNotFound, Unavailable."""

    async def look_up_many(self, order_ids: Collection[UUID]) -> Mapping[UUID, KnownOrder]:
        """Those of at most 100 orders that exist. Raises Unavailable."""


class ProviderAway(Exception):
    """The payment provider cannot be used at the moment. Callers may read the message; the cause has been logged."""

    retry_after = timedelta(seconds=5)

    def __init__(self) -> None:
        super().__init__("the payment provider is temporarily unavailable; try again")


class OutcomeUnknown(ProviderAway):
    """The provider did not answer what became of the request: it is busy, still at work, or silent."""


class ServersFail(OutcomeUnknown):
    """An error of the provider's own. Under the same key it may never give another answer."""


class UnknownCharge(ProviderAway):
    """The provider does not know the charge: it is another account's. That is for a person."""


class NotAuthorized(ProviderAway):
    """The provider does not accept our credentials. Nothing was done."""


class NotAsked(ProviderAway):
    """The provider has failed so often lately that it is left alone. Nothing was done."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__()
        self.retry_after = retry_after


class KeyUsedOtherwise(Exception):
    """The idempotency key was used before for a request that differs; what became of that one must be looked up."""


class Refused(Exception):
    """The provider does not accept the request. Nothing was done, and the same request will be refused again."""

    def __init__(self, refusal: Refusal, code: str | None, message: str | None) -> None:
        super().__init__(message or code or refusal.value)
        self.refusal = refusal
        self.code = code


class PaymentProvider(Protocol):
    """Takes customers' money and gives it back. Every method may raise OutcomeUnknown, NotAuthorized and NotAsked."""

    @property
    def name(self) -> str:
        """Its name in stored payments, metrics and settings."""

    @property
    def label(self) -> str:
        """Its name as customers read it."""

    @property
    def takes_at_most(self) -> timedelta:
        """How long one request may take, with all its tries. Whoever asks again before then meets it still at work."""

    async def ask(self, payment: Payment) -> Charge:
        """Asks for the payment under its own key: asked again, the first answer comes again. A decline is an answer.

        Raises:
            KeyUsedOtherwise, Refused, ServersFail, ChargeMismatch.
        """

    async def look_up(self, reference: str) -> Charge:
        """The charge as it is now. Raises UnknownCharge, ChargeMismatch."""

    async def search(self, payment_id: UUID) -> Charge | None:
        """The charge that names the payment as its own; None when the provider's index has none."""

    async def cancel(self, reference: str, reason: CloseReason) -> Charge:
        """Cancels the charge if that is still possible; answers with what it is afterwards. Raises UnknownCharge."""

    async def refund(self, refund: Refund, reference: str) -> ProviderRefund:
        """Gives back money of the charge, under the refund's own key.

        Raises:
            UnknownCharge, KeyUsedOtherwise, Refused, ServersFail, ChargeMismatch.
        """

    async def refunds_of(self, reference: str) -> list[ProviderRefund]:
        """All refunds of a charge as they are now, also those made by other hands. Raises UnknownCharge.

        Of an unknown charge it may also answer none.
        """

    async def disputes_of(self, reference: str) -> list[ProviderDispute]:
        """All disputes of a charge as they are now. Raises as `refunds_of`."""

    async def page_of_charges(self, after: str | None, limit: int) -> list[ListedCharge]:
        """Up to `limit` charges of the account that are older than the charge `after`, newest first.

        None: from the newest on. Raises UnknownCharge: there is no charge `after`.
        """

    async def see_charge(self, reference: str) -> ListedCharge:
        """The charge as the list has it. Raises UnknownCharge."""

    async def user_of_customer(self, customer_id: str) -> str | None:
        """The person to whom a customer record belongs; None when nobody, or there is no such record."""


@dataclass(frozen=True)
class Providers:
    """The payment providers, by name."""

    by_name: Mapping[str, PaymentProvider]
    default: str
    """The provider of new payments whose payment method names no other one."""

    def for_new(self, payment_method: str) -> PaymentProvider:
        """The provider of a new payment: the one that the payment method names, else the default."""
        return self.by_name.get(payment_method) or self.by_name[self.default]

    def of(self, stored: Payment | Refund) -> PaymentProvider:
        """The provider of a payment or a refund. Raises KeyError: this version does not have it."""
        return self.by_name[stored.provider]

    @property
    def take_at_most(self) -> timedelta:
        """How long the slowest of them may take for one request."""
        return max(provider.takes_at_most for provider in self.by_name.values())
