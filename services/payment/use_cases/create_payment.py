"""Pay for an order.

    the order, as the order service tells it
    ── one transaction: the caller's key is claimed, the payment inserted ──
    Stripe is asked to charge, under the payment's own key
    ── one transaction: the outcome, its event, the books, the answer kept for repeats (recorder.py) ──

Between the two transactions the process may die: the reconciler then asks again under the same key. The caller may go
away: the work goes on. Stripe may take too long: the answer is `processing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import asyncpg

from argosy.payment.v1 import payment_pb2
from services.chassis import clock, idempotency, ids
from services.chassis.idempotency import Replay
from services.chassis.postgres import Postgres
from services.payment import domain, store
from services.payment.domain import Order, OrderNotPayable, Payment, PaymentInProgress
from services.payment.first_answers import CustomerRefused, FirstAnswers, KeptUnder, Repeat
from services.payment.messages import payment_message
from services.payment.orders import OrderNotFound, Orders
from services.payment.patience import wait_for_stripe
from services.payment.recorder import idempotency_scope
from services.payment.stripe_gateway import OutcomeUnknown, StripeGateway
from services.payment.use_cases.settle_payment import Settled, SettlePayment


@dataclass(frozen=True)
class CreatePaymentCommand:
    """What a person wants to pay, and how."""

    user_id: UUID
    order_id: UUID
    stated_amount: Decimal | None
    stated_currency: str | None
    payment_method: str
    customer_id: str | None
    client_app: str
    idempotency_key: str | None
    fingerprint: bytes

    @property
    def kept_under(self) -> KeptUnder | None:
        """Where the answer is kept for repeats; None: nobody can repeat it."""
        key = self.idempotency_key
        return None if key is None else KeptUnder(idempotency_scope(self.user_id), key, self.fingerprint)


@dataclass(frozen=True)
class CreatePayment:
    """Charges a person for an order of theirs, once."""

    postgres: Postgres
    orders: Orders
    gateway: StripeGateway
    settle: SettlePayment
    answers: FirstAnswers
    return_url: str

    async def __call__(self, command: CreatePaymentCommand) -> payment_pb2.Payment:
        """The payment, as far as it has come. A repeat with the same key gets the first answer.

        Raises:
            OrderNotFound, AlreadyPaid, OrderNotPayable, PaymentInProgress, DiffersFromOrder, CustomerRefused,
            IdempotencyMismatch, IdempotencyInFlight: nothing was changed.
            PaymentMethodRefused: the payment failed; the order can still be paid.
            NotAuthorized, RequestRefused: Stripe would not let us; the order can still be paid.
        """
        order = await self.orders.look_up(command.order_id)
        if order.user_id != command.user_id:
            raise OrderNotFound
        await self._require_own_customer(command)
        begun = await idempotency.patiently(lambda: self._begin(command, order))
        if isinstance(begun, Repeat):
            return await self.answers.again(begun)
        return await self._answer(command, begun, await self._ask(begun))

    async def _require_own_customer(self, command: CreatePaymentCommand) -> None:
        customer_id = command.customer_id
        if customer_id is not None and await self.gateway.user_of_customer(customer_id) != str(command.user_id):
            raise CustomerRefused

    async def _begin(self, command: CreatePaymentCommand, order: Order) -> Payment | Repeat:
        """A new payment, stored; or what an earlier call with the same key has answered so far.

        The claim comes first: a repeat gets its answer also when by now the order is paid or cancelled.
        """
        payment = domain.begin(
            order,
            payment_id=ids.new_id(),
            payment_method=command.payment_method,
            customer_id=command.customer_id,
            return_url=self.return_url,
            idempotency_key=command.idempotency_key,
            now=clock.now(),
            takes_at_most=self.gateway.takes_at_most,
        )
        async with self.postgres.transaction("payment.begin") as connection:
            kept_under = command.kept_under
            if kept_under is not None:
                claimed = await idempotency.claim(connection, *kept_under)
                if isinstance(claimed, Replay):
                    return Repeat(kept_under, claimed.response)
            domain.require_payable(order, command.stated_amount, command.stated_currency)
            await store.lock_order(connection, order.id)
            if await store.order_has_ended(connection, order.id):
                raise OrderNotPayable("this order can no longer be paid")
            domain.require_unpaid(await store.payments_of_order(connection, order.id))
            try:
                await store.insert_payment(connection, payment, command.client_app)
            except asyncpg.UniqueViolationError as error:
                raise PaymentInProgress from error
        return payment

    async def _ask(self, payment: Payment) -> Settled:
        """Ask Stripe, and wait as long as the caller can."""
        return await wait_for_stripe(self._ask_to_the_end(payment)) or Settled(payment)

    async def _ask_to_the_end(self, payment: Payment) -> Settled:
        try:
            return await self.settle.ask(payment)
        except OutcomeUnknown:
            return Settled(payment)

    async def _answer(self, command: CreatePaymentCommand, begun: Payment, settled: Settled) -> payment_pb2.Payment:
        kept_under = command.kept_under
        if kept_under is None:
            return await self.answers.complete(payment_message(settled.payment), settled.client_secret)
        outcome_known = settled.payment is not begun
        return await self.answers.first(kept_under, settled.payment, settled.client_secret, outcome_known)
