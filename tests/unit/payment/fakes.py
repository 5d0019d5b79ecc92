"""Payment's ports in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from services.chassis.plain import clock
from services.chassis.plain.errors import IdempotencyMismatch, Unavailable
from services.chassis.plain.money import Money
from services.payment.adapters.asked import Asked
from services.payment.domain.charges import (
    Attempt,
    Challenge,
    Charge,
    ChargeState,
    CloseReason,
    ListedCharge,
    Settlement,
)
from services.payment.domain.credit import ComparedCredit, CreditEntry, CreditKind
from services.payment.domain.disputes import DisputeState, ProviderDispute
from services.payment.domain.ledger import Entry, LedgerLine
from services.payment.domain.notices import Notice
from services.payment.domain.orders import KnownOrder, Order, OrderNotFound
from services.payment.domain.payments import (
    LIVE,
    Compared,
    Payment,
    PaymentInProgress,
    Status,
    Stranded,
    StrandedPayment,
)
from services.payment.domain.refunds import ProviderRefund, Refund, RefundStatus
from services.payment.ports import KeptUnder, NotStorable, OutcomeUnknown, Replay, UnknownCharge
from tests.unit.chassis.fakes import FakeUnit, FakeWork

A = TypeVar("A")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


class _FakeAsked(Generic[Asked]):
    """What the fakes of payments and refunds have in common (adapters/asked.py)."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Asked] = {}

    async def take_next_key(self, asked: Asked) -> bool:
        row = self.rows[asked.id]
        if row.key_number != asked.key_number:
            return False
        self.rows[asked.id] = row.with_next_key()
        return True

    async def count_server_error(self, asked: Asked) -> None:
        row = self.rows[asked.id]
        if row.key_number == asked.key_number:
            self.rows[asked.id] = replace(row, server_errors=row.server_errors + 1)

    async def take_due(self, now: datetime, lease: timedelta, limit: int, providers: Collection[str]) -> list[Asked]:
        due = [
            one
            for one in self.rows.values()
            if one.check_at is not None and one.check_at <= now and one.provider in providers
        ][:limit]
        taken = [replace(one, check_at=now + lease, checks=one.checks + 1) for one in due]
        self.rows.update({one.id: one for one in taken})
        return taken

    async def put_off(self, asked: Asked, leased_until: datetime) -> None:
        row = self.rows[asked.id]
        if row.check_at == leased_until:
            self.rows[asked.id] = replace(row, check_at=asked.check_at)


class FakePayments(_FakeAsked[Payment]):
    """ports.Payments."""

    def __init__(self, ledger: FakeLedger, refunds: FakeRefunds) -> None:
        super().__init__()
        self.attempts: dict[UUID, list[Attempt]] = {}
        self.young: set[UUID] = set()
        """Payments that have just changed."""
        self._ledger = ledger
        self._refunds = refunds

    async def add(self, payment: Payment, client_app: str) -> None:
        if any(one.status in LIVE for one in await self.of_order(payment.order_id)):
            raise PaymentInProgress
        self.rows[payment.id] = payment

    async def find(self, payment_id: UUID) -> Payment | None:
        return self.rows.get(payment_id)

    async def find_by_charge(self, provider: str, reference: str) -> Payment | None:
        return next(
            (one for one in self.rows.values() if (one.provider, one.provider_reference) == (provider, reference)), None
        )

    async def find_by_capture(self, provider: str, reference: str) -> Payment | None:
        for payment_id, line in self._ledger.lines:
            if (line.provider, line.reference, line.entry) == (provider, reference, Entry.CAPTURE):
                return self.rows[payment_id]
        return None

    async def lock(self, payment_id: UUID) -> Payment:
        return self.rows[payment_id]

    async def lock_of_order(self, order_id: UUID) -> list[Payment]:
        return await self.of_order(order_id)

    async def of_order(self, order_id: UUID) -> list[Payment]:
        return [one for one in self.rows.values() if one.order_id == order_id][::-1]

    async def page(
        self, *, user_id: UUID | None, order_id: UUID | None, before: UUID | None, limit: int
    ) -> list[Payment]:
        found = [
            one
            for one in self.rows.values()
            if user_id in (None, one.user_id)
            and order_id in (None, one.order_id)
            and (before is None or one.id < before)
        ]
        return found[::-1][:limit]

    async def save(self, payment: Payment) -> None:
        self.rows[payment.id] = payment

    async def begin_asking(self, payment: Payment, now: datetime) -> bool:
        row = self.rows[payment.id]
        asks = row.status is Status.PROCESSING and not row.close_charge and row.provider_reference is None
        if asks and row.key_number == payment.key_number:
            self.rows[payment.id] = replace(row, asked_at=now)
            return True
        return False

    async def after(self, payment_id: UUID | None, limit: int) -> list[UUID]:
        return sorted(one for one in self.rows if payment_id is None or one > payment_id)[:limit]

    async def begun_between(self, provider: str, first: datetime, last: datetime, limit: int) -> list[Payment]:
        found = [
            one
            for one in self.rows.values()
            if one.provider == provider and first <= one.created_at <= last and one.provider_reference
        ]
        return [one for one in found if one.stranded is None][:limit]

    async def compared(self, payment_ids: Sequence[UUID], settled: timedelta) -> list[Compared]:
        found = [self.rows[one] for one in payment_ids if one in self.rows and one not in self.young]
        return [await self._compared(one) for one in found]

    async def attend(self, payment_id: UUID, now: datetime) -> None:
        row = self.rows[payment_id]
        if row.check_at is None and row.stranded is None:
            self.rows[payment_id] = replace(row, check_at=now, checks=0)

    async def _compared(self, payment: Payment) -> Compared:
        refunds = await self._refunds.of_payment(payment.id)
        refunded = sum(one.amount.minor for one in refunds if one.status is RefundStatus.SUCCEEDED)
        signs = {Entry.CAPTURE: 1, Entry.REFUND: -1, Entry.REFUND_REVERSAL: 1}
        lines = [line for owner, line in self._ledger.lines if owner == payment.id]
        booked = sum(signs.get(line.entry, 0) * line.amount.minor for line in lines)
        currency = payment.amount.currency
        return Compared(payment, Money(refunded, currency), Money(booked, currency))

    async def add_attempt(self, payment_id: UUID, attempt: Attempt) -> None:
        self.attempts.setdefault(payment_id, []).append(attempt)


class FakeRefunds(_FakeAsked[Refund]):
    """ports.Refunds."""

    async def add(self, refund: Refund) -> None:
        self.rows[refund.id] = refund

    async def find(self, refund_id: UUID) -> Refund | None:
        return self.rows.get(refund_id)

    async def of_payment(self, payment_id: UUID) -> list[Refund]:
        return [one for one in self.rows.values() if one.payment_id == payment_id]

    async def page(self, payment_id: UUID, *, before: UUID | None, limit: int) -> list[Refund]:
        found = [one for one in await self.of_payment(payment_id) if before is None or one.id < before]
        return found[::-1][:limit]

    async def has_status(self, provider: str, reference: str, status: RefundStatus) -> bool:
        return any(one.provider_reference == reference and one.status is status for one in self.rows.values())

    async def save(self, refund: Refund) -> None:
        self.rows[refund.id] = refund


class FakeLedger:
    """ports.Ledger; refuses lines in `refuses`."""

    def __init__(self) -> None:
        self.lines: list[tuple[UUID, LedgerLine]] = []
        self.refuses: Entry | None = None

    async def add(self, payment_id: UUID, lines: Sequence[LedgerLine]) -> None:
        for line in lines:
            booked = {(one.entry, one.reference) for _, one in self.lines}
            if line.entry is self.refuses or (line.entry, line.reference) in booked:
                raise NotStorable from ValueError(line)
            self.lines.append((payment_id, line))

    async def booked(self, payment_id: UUID) -> frozenset[str]:
        return frozenset(line.reference for owner, line in self.lines if owner == payment_id)


class FakeDisputes:
    """ports.Disputes."""

    def __init__(self) -> None:
        self.rows: dict[UUID, dict[str, ProviderDispute]] = {}

    async def keep(self, payment_id: UUID, provider: str, dispute: ProviderDispute) -> None:
        self.rows.setdefault(payment_id, {})[dispute.reference] = dispute

    async def of_payment(self, payment_id: UUID) -> Mapping[str, DisputeState]:
        return {reference: one.state for reference, one in self.rows.get(payment_id, {}).items()}


class FakeCredit:
    """ports.Credit, and what a provider of store credit does with it."""

    def __init__(self) -> None:
        self.entries: list[CreditEntry] = []
        self.balances: dict[tuple[UUID, str], int] = {}

    async def add(self, entry: CreditEntry) -> None:
        assert entry.refund_id is None or entry.refund_id not in [one.refund_id for one in self.entries]
        account = entry.user_id, entry.amount.currency
        self.balances[account] = self.balances.get(account, 0) + entry.amount.minor
        self.entries.append(entry)

    async def of_user(self, user_id: UUID) -> list[Money]:
        found = {currency: minor for (owner, currency), minor in self.balances.items() if owner == user_id}
        return [Money(found[currency], currency) for currency in sorted(found)]

    async def page(self, user_id: UUID, *, before: UUID | None, limit: int) -> list[CreditEntry]:
        found = [one for one in self.entries if one.user_id == user_id and (before is None or one.id < before)]
        return found[::-1][:limit]

    async def users_after(self, user_id: UUID | None, limit: int) -> list[UUID]:
        return sorted({owner for owner, _ in self.balances if user_id is None or owner > user_id})[:limit]

    async def compared(self, user_ids: Sequence[UUID]) -> list[ComparedCredit]:
        return [
            ComparedCredit(owner, Money(minor, currency), Money(self._sum(owner, currency), currency))
            for (owner, currency), minor in sorted(self.balances.items())
            if owner in user_ids
        ]

    def _sum(self, user_id: UUID, currency: str) -> int:
        of_account = [one for one in self.entries if (one.user_id, one.amount.currency) == (user_id, currency)]
        return sum(-one.amount.minor if one.kind is CreditKind.CHARGE else one.amount.minor for one in of_account)


class FakePaidOrders:
    """ports.PaidOrders."""

    def __init__(self) -> None:
        self.ended: set[UUID] = set()

    async def lock(self, order_id: UUID) -> None:
        """One unit of work at a time."""

    async def has_ended(self, order_id: UUID) -> bool:
        return order_id in self.ended

    async def end(self, order_id: UUID) -> None:
        self.ended.add(order_id)


class FakeNotices:
    """ports.Notices."""

    def __init__(self) -> None:
        self.ids: set[tuple[str, str]] = set()

    async def was_processed(self, notice: Notice) -> bool:
        return (notice.provider, notice.id) in self.ids

    async def processed(self, notice: Notice, payment_id: UUID) -> None:
        self.ids.add((notice.provider, notice.id))


class FakeStranded:
    """ports.StrandedPayments."""

    def __init__(self, payments: FakePayments) -> None:
        self._payments = payments

    async def oldest(self, limit: int) -> list[StrandedPayment]:
        found = [(one, one.stranded) for one in self._payments.rows.values()]
        return [
            StrandedPayment(
                one.id,
                one.order_id,
                one.user_id,
                LONG_AGO,
                why,
                one.status,
                one.amount,
                one.provider_reference,
                None,
                None,
            )
            for one, why in found
            if why is not None
        ][:limit]

    async def ids(self) -> list[UUID]:
        return [one.id for one in await self.oldest(100)]

    async def counts(self) -> Mapping[Stranded, int]:
        reasons = [one.reason for one in await self.oldest(100)]
        return {reason: reasons.count(reason) for reason in reasons}


class FakeAnswers:
    """ports.Answers."""

    def __init__(self) -> None:
        self.fingerprints: dict[tuple[str, str], bytes] = {}
        self.kept: dict[tuple[str, str], Any] = {}

    async def claim(self, where: KeptUnder, answer: type[A]) -> Replay[A] | None:
        key = where.scope, where.key
        if key not in self.fingerprints:
            self.fingerprints[key] = where.fingerprint
            return None
        if self.fingerprints[key] != where.fingerprint:
            raise IdempotencyMismatch
        return Replay(where, self.kept.get(key))

    async def keep(self, scope: str, key: str, answer: object) -> None:
        self.kept.setdefault((scope, key), answer)

    async def forget(self, scope: str, key: str) -> None:
        if (scope, key) not in self.kept:
            self.fingerprints.pop((scope, key), None)


class FakePayment(FakeUnit):
    """ports.PaymentUnit."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = FakeLedger()
        self.refunds, self.disputes, self.credit = FakeRefunds(), FakeDisputes(), FakeCredit()
        self.payments = FakePayments(self.ledger, self.refunds)
        self.orders, self.notices, self.answers = FakePaidOrders(), FakeNotices(), FakeAnswers()
        self.stranded = FakeStranded(self.payments)


class FakePaymentWork(FakeWork[FakePayment]):
    """ports.Work."""

    async def answer(self, where: KeptUnder, answer: type[A]) -> A:
        """What is kept; in memory nobody is waited for."""
        kept = self.unit.answers.kept[where.scope, where.key]
        assert isinstance(kept, answer)
        return kept


class FakeOrders:
    """ports.Orders."""

    def __init__(self) -> None:
        self.all: dict[UUID, Order] = {}
        self.updated_at = LONG_AGO
        self.away = False

    def place(self, minor: int = 5998) -> Order:
        order = Order(uuid4(), uuid4(), "pending", Money(minor, "USD"))
        self.all[order.id] = order
        return order

    async def look_up(self, order_id: UUID) -> Order:
        if order_id not in self.all:
            raise OrderNotFound
        return self.all[order_id]

    async def look_up_many(self, order_ids: Collection[UUID]) -> Mapping[UUID, KnownOrder]:
        if self.away:
            raise Unavailable
        return {one: KnownOrder(self.all[one], self.updated_at) for one in order_ids if one in self.all}


class FakeProvider:
    """ports.PaymentProvider: charges in memory. Not Stripe: use cases must not notice."""

    label = "Fakepay"
    takes_at_most = timedelta(seconds=70)

    def __init__(self, name: str = "fake") -> None:
        self.name = name
        self.outcome = ChargeState.SUCCEEDED
        """What a charge comes to that is asked for next."""
        self.declines_with = "insufficient_funds"
        self.errors: dict[str, Exception] = {}
        """Method → what it raises."""
        self.loses_answers = False
        """Whether it does what it is asked for, and does not answer."""
        self.charges: dict[str, Charge] = {}
        self.refunds: dict[str, list[ProviderRefund]] = {}
        self.disputes: dict[str, list[ProviderDispute]] = {}
        self.customers: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.refund_status = RefundStatus.SUCCEEDED
        self.made_at: dict[str, datetime] = {}
        """When a charge was made, where it is not now."""
        self.seen: list[str] = []
        """The charges that were asked for one by one."""

    async def ask(self, payment: Payment) -> Charge:
        self._fail("ask")
        if payment.key not in self.keys:
            reference = self.keys[payment.key] = f"charge-{payment.key}"
            settlement = Settlement(f"fee-{payment.key}", Money(204, "USD"), Money(5794, "USD"))
            self.charges[reference] = Charge(
                reference,
                self.outcome,
                payment.amount,
                payment.id,
                word=self.outcome.value,
                capture_reference=f"capture-{payment.key}",
                settlement=settlement if self.outcome is ChargeState.SUCCEEDED else None,
                challenge=Challenge("secret", "https://bank"),
                decline_code=self.declines_with if self.outcome is ChargeState.DECLINED else None,
            )
        self._lose()
        return self.charges[self.keys[payment.key]]

    async def look_up(self, reference: str) -> Charge:
        self._fail("look_up")
        if reference not in self.charges:
            raise UnknownCharge
        return self.charges[reference]

    async def search(self, payment_id: UUID) -> Charge | None:
        self._fail("search")
        return next((one for one in self.charges.values() if one.payment_id == payment_id), None)

    async def cancel(self, reference: str, reason: CloseReason) -> Charge:
        self._fail("cancel")
        charge = await self.look_up(reference)
        if charge.is_open:
            self.become(reference, ChargeState.CANCELLED, cancellation_reason=reason.value)
        return self.charges[reference]

    async def refund(self, refund: Refund, reference: str) -> ProviderRefund:
        self._fail("refund")
        made = ProviderRefund(f"refund-{refund.asked_with}", self.refund_status, refund.amount, refund.id)
        if made.reference not in [one.reference for one in self.refunds.get(reference, [])]:
            self.refunds.setdefault(reference, []).append(made)
        self._lose()
        return made

    async def refunds_of(self, reference: str) -> list[ProviderRefund]:
        self._fail("refunds_of")
        return [*self.refunds.get(reference, [])]

    async def disputes_of(self, reference: str) -> list[ProviderDispute]:
        self._fail("disputes_of")
        return [*self.disputes.get(reference, [])]

    async def page_of_charges(self, after: str | None, limit: int) -> list[ListedCharge]:
        self._fail("page_of_charges")
        newest_first = [*self.charges][::-1]
        if after is not None:
            if after not in self.charges:
                raise UnknownCharge
            newest_first = newest_first[newest_first.index(after) + 1 :]
        return [self._listed(one) for one in newest_first[:limit]]

    async def see_charge(self, reference: str) -> ListedCharge:
        self._fail("see_charge")
        self.seen.append(reference)
        if reference not in self.charges:
            raise UnknownCharge
        return self._listed(reference)

    def _listed(self, reference: str) -> ListedCharge:
        charge = self.charges[reference]
        refunded = sum(
            one.amount.minor
            for one in self.refunds.get(reference, [])
            if one.status in (RefundStatus.PENDING, RefundStatus.SUCCEEDED)
        )
        return ListedCharge(
            reference,
            charge.state,
            charge.word,
            self.made_at.get(reference) or clock.now(),
            charge.amount,
            Money(refunded, charge.amount.currency),
            charge.payment_id,
            is_disputed=bool(self.disputes.get(reference)),
        )

    async def user_of_customer(self, customer_id: str) -> str | None:
        return self.customers.get(customer_id)

    def become(self, reference: str, state: ChargeState, **changes: Any) -> None:
        """What happens to a charge without us."""
        self.charges[reference] = replace(self.charges[reference], state=state, word=state.value, **changes)

    def _fail(self, method: str) -> None:
        if method in self.errors:
            raise self.errors[method]

    def _lose(self) -> None:
        if self.loses_answers:
            raise OutcomeUnknown
