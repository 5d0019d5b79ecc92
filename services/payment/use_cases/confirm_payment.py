"""Continue after the customer's challenge."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.payment.domain.answers import PaymentAnswer, payment_answer
from services.payment.use_cases.get_payment import GetPayment, GetPaymentHandler
from services.payment.use_cases.settle_payment import Settled, SettlePayment


@dataclass(frozen=True)
class ConfirmPayment:
    """Whose payment."""

    payment_id: UUID
    user_id: UUID


@dataclass(frozen=True)
class ConfirmPaymentHandler:
    """Takes the payment's next step at the provider; one that is over stays as it is."""

    get_payment: GetPaymentHandler
    settle: SettlePayment

    async def __call__(self, command: ConfirmPayment) -> PaymentAnswer:
        """The payment as it is now.

        Raises:
            PaymentNotFound: unknown, or somebody else's.
            OutcomeUnknown, NotAuthorized, NotAsked: the provider cannot be asked now; nothing was changed.
        """
        payment = await self.get_payment(GetPayment(command.payment_id, command.user_id, is_staff=False))
        settled = await self.settle(payment) if payment.is_live else Settled(payment)
        return payment_answer(settled.payment, settled.challenge)
