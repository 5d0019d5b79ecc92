"""Give money back, because staff say so.

    ── one transaction, under the order's lock: the caller's key is claimed, the refund written down ──
    Stripe is asked for it, under the refund's own id as key
    ── one transaction: how it stands, its event, the books, the answer kept for repeats (recorder.py) ──

What is written down is taken from what is left of the payment, so that refunds at the same time never come to more than
was captured. When the process dies in between, the reconciler goes on (settle_refund.py).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import structlog

from argosy.payment.v1 import payment_pb2
from services.chassis import clock, idempotency, ids
from services.chassis.idempotency import Replay
from services.chassis.postgres import Connection, Postgres
from services.payment import domain, store
from services.payment.domain import Refund
from services.payment.first_answers import KeptUnder, Repeat
from services.payment.messages import refund_message
from services.payment.patience import wait_for_stripe
from services.payment.recorder import refund_scope
from services.payment.stripe_gateway import ProviderAway
from services.payment.use_cases.settle_refund import SettleRefund
from services.payment.use_cases.show_payments import PaymentNotFound

_log = structlog.get_logger()


@dataclass(frozen=True)
class CreateRefundCommand:
    """What a member of the staff wants given back."""

    staff_id: UUID
    payment_id: UUID
    amount: Decimal | None
    """None: all that is left."""
    reason: str | None
    idempotency_key: str | None
    fingerprint: bytes

    @property
    def kept_under(self) -> KeptUnder | None:
        """Where the answer is kept for repeats; None: nobody can repeat it."""
        key = self.idempotency_key
        return None if key is None else KeptUnder(refund_scope(self.staff_id), key, self.fingerprint)


@dataclass(frozen=True)
class CreateRefund:
    """Orders a refund, once, and waits for what Stripe says to it."""

    postgres: Postgres
    settle: SettleRefund

    async def __call__(self, command: CreateRefundCommand) -> payment_pb2.Refund:
        """The refund, as far as it has come. A repeat with the same key gets the first answer.

        Raises:
            PaymentNotFound, NotRefundable, RefundRefused, RefundTooLarge, IdempotencyMismatch, IdempotencyInFlight:
            nothing was changed.
        """
        begun = await idempotency.patiently(lambda: self._begin(command))
        if isinstance(begun, Repeat):
            kept = begun.answer or await idempotency.wait_for_answer(self.postgres, *begun.where)
            return payment_pb2.Refund.FromString(kept)
        _log.info("refund_ordered", refund_id=str(begun.id), payment_id=str(begun.payment_id), by=str(command.staff_id))
        await wait_for_stripe(self._make(begun))
        return await self._answer(command, begun.id)

    async def _begin(self, command: CreateRefundCommand) -> Refund | Repeat:
        """A new refund, written down; or what an earlier call with the same key has answered so far.

        The claim comes first: a repeat gets its answer also when by now nothing is left.
        """
        async with self.postgres.transaction("payment.begin_refund") as connection:
            kept_under = command.kept_under
            if kept_under is not None:
                claimed = await idempotency.claim(connection, *kept_under)
                if isinstance(claimed, Replay):
                    return Repeat(kept_under, claimed.response)
            return await self._order(connection, command)

    async def _order(self, connection: Connection, command: CreateRefundCommand) -> Refund:
        found = await store.find_payment(connection, command.payment_id)
        if found is None:
            raise PaymentNotFound
        amount = command.amount
        amount_minor = None if amount is None else domain.refundable_minor(amount, found.currency)
        await store.lock_order(connection, found.order_id)
        refund = domain.order_refund(
            await store.lock_payment(connection, found.id),
            await store.refunds_of(connection, found.id),
            refund_id=ids.new_id(),
            amount_minor=amount_minor,
            reason=command.reason,
            ordered_by=command.staff_id,
            idempotency_key=command.idempotency_key,
            now=clock.now(),
            takes_at_most=self.settle.gateway.takes_at_most,
        )
        await store.insert_refund(connection, refund)
        return refund

    async def _make(self, refund: Refund) -> None:
        # Why Stripe could not be asked is said where it happened; the refund is pending, and the reconciler goes on.
        with contextlib.suppress(ProviderAway):
            await self.settle(refund)

    async def _answer(self, command: CreateRefundCommand, refund_id: UUID) -> payment_pb2.Refund:
        """How the refund stands; for a key, what is kept under it, for others may have been answered already."""
        kept_under = command.kept_under
        async with self.postgres.transaction("payment.answer_refund") as connection:
            refund = await store.find_refund(connection, refund_id)
            if refund is None:
                raise RuntimeError(f"refund {refund_id} was written down, and is gone")
            message = refund_message(refund)
            if kept_under is None:
                return message
            await idempotency.answer(connection, kept_under.scope, kept_under.key, message)
        return payment_pb2.Refund.FromString(await idempotency.wait_for_answer(self.postgres, *kept_under))
