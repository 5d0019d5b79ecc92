"""Pay for an order.

    the order is looked up at the order service
    ── one unit of work: the caller's key is claimed, the payment stored ──
    the provider is asked to charge, under the payment's own key
    ── one unit of work: the outcome, its fact, the books, the answer kept for repeats (record_charge.py) ──

Between the two units the process may die: the reconciler then asks again under the same key. The caller may go away:
the work continues. The provider may take too long: the answer is `processing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from services.chassis.plain import clock, ids
from services.chassis.plain.in_flight import patiently
from services.chassis.plain.unit_of_work import Repeatable
from services.payment.domain.answers import PaymentAnswer, payment_answer
from services.payment.domain.orders import Order, OrderNotFound, OrderNotPayable, require_payable
from services.payment.domain.payments import CustomerRefused, Payment, begin, require_unpaid
from services.payment.ports import KeptUnder, Orders, OutcomeUnknown, Providers, Replay, Work
from services.payment.use_cases.first_answers import FirstAnswers
from services.payment.use_cases.patience import wait_for_provider
from services.payment.use_cases.record_charge import answer_scope
from services.payment.use_cases.settle_payment import Settled, SettlePayment


@dataclass(frozen=True)
class CreatePayment:
    """What a person wants to pay, and how."""

    user_id: UUID
    order_id: UUID
    stated_amount: Decimal | None
    stated_currency: str | None
    payment_method: str
    customer_id: str | None
    client_app: str
    request: Repeatable

    @property
    def kept_under(self) -> KeptUnder | None:
        """Where the answer is kept for repeats; None: nobody can repeat it."""
        key = self.request.key
        return None if key is None else KeptUnder(answer_scope(self.user_id), key, self.request.fingerprint)


@dataclass(frozen=True)
class CreatePaymentHandler:
    """Charges a person for an order of theirs, once."""

    work: Work
    orders: Orders
    providers: Providers
    settle: SettlePayment
    answers: FirstAnswers
    return_url: str

    async def __call__(self, command: CreatePayment) -> PaymentAnswer:
        """The payment, as far as it has come. A repeat with the same key gets the first answer.

        Raises:
            OrderNotFound, AlreadyPaid, OrderNotPayable, PaymentInProgress, DiffersFromOrder, CustomerRefused,
            IdempotencyMismatch, IdempotencyInFlight: nothing was changed.
            PaymentMethodRefused: the payment failed; the order can still be paid.
            NotAuthorized, NotAsked, RequestRefused: the provider was not asked, or refuses us; the order can still be
            paid.
        """
        order = await self.orders.look_up(command.order_id)
        if order.user_id != command.user_id:
            raise OrderNotFound
        await self._require_own_customer(command)
        begun = await patiently(lambda: self._begin(command, order))
        if isinstance(begun, Replay):
            return await self.answers.again(begun)
        return await self._answer(command, begun, await self._ask(begun))

    async def _require_own_customer(self, command: CreatePayment) -> None:
        customer_id = command.customer_id
        provider = self.providers.for_new(command.payment_method)
        if customer_id is not None and await provider.user_of_customer(customer_id) != str(command.user_id):
            raise CustomerRefused(provider.label)

    async def _begin(self, command: CreatePayment, order: Order) -> Payment | Replay[PaymentAnswer]:
        """A new payment, stored; or what an earlier call with the same key has answered so far.

        The claim comes first: a repeat gets its answer also when by now the order is paid or cancelled.
        """
        provider = self.providers.for_new(command.payment_method)
        payment = begin(
            order,
            payment_id=ids.new_id(),
            provider=provider.name,
            payment_method=command.payment_method,
            customer_id=command.customer_id,
            return_url=self.return_url,
            idempotency_key=command.request.key,
            now=clock.now(),
            takes_at_most=provider.takes_at_most,
        )
        async with self.work.begin("payment.begin") as unit:
            kept_under = command.kept_under
            replay = None if kept_under is None else await unit.answers.claim(kept_under, PaymentAnswer)
            if replay is not None:
                return replay
            require_payable(order, command.stated_amount, command.stated_currency)
            await unit.orders.lock(order.id)
            if await unit.orders.has_ended(order.id):
                raise OrderNotPayable("this order can no longer be paid")
            require_unpaid(await unit.payments.of_order(order.id))
            await unit.payments.add(payment, command.client_app)
        return payment

    async def _ask(self, payment: Payment) -> Settled:
        """Asks the provider, and waits as long as the caller can."""
        return await wait_for_provider(self._ask_to_the_end(payment)) or Settled(payment)

    async def _ask_to_the_end(self, payment: Payment) -> Settled:
        try:
            return await self.settle.ask(payment)
        except OutcomeUnknown:
            return Settled(payment)

    async def _answer(self, command: CreatePayment, begun: Payment, settled: Settled) -> PaymentAnswer:
        kept_under = command.kept_under
        if kept_under is None:
            return await self.answers.complete(payment_answer(settled.payment), settled.challenge)
        outcome_known = settled.payment is not begun
        return await self.answers.first(kept_under, settled.payment, settled.challenge, outcome_known)
