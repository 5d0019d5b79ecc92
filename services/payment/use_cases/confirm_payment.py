"""Go on after the customer's challenge."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.payment.use_cases.settle_payment import Settled, SettlePayment
from services.payment.use_cases.show_payments import ShowPayments


@dataclass(frozen=True)
class ConfirmPayment:
    """Looks a payment up at Stripe and applies its state; one that is over stays as it is."""

    show: ShowPayments
    settle: SettlePayment

    async def __call__(self, payment_id: UUID, user_id: UUID) -> Settled:
        """The payment as it is now.

        Raises:
            PaymentNotFound: unknown, or somebody else's.
            OutcomeUnknown, NotAuthorized, NotAsked: Stripe cannot be asked now; nothing was changed.
        """
        payment = await self.show.one(payment_id, user_id, is_staff=False)
        return await self.settle(payment) if payment.is_live else Settled(payment)
