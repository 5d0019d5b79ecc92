"""A step of other use cases: take the next step of a payment at the provider, and write its outcome.

The one way in which a payment goes on, whoever asks: the call that begins it, the customer who comes back from a
challenge, the reconciler after a crash. No step is taken inside a unit of work, and each may be taken again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from services.chassis.plain import clock
from services.payment.domain import keys, schedule
from services.payment.domain.charges import Challenge, Charge, CloseReason, Refusal
from services.payment.domain.payments import Payment
from services.payment.domain.schedule import Step
from services.payment.ports import (
    KeyUsedOtherwise,
    NotAsked,
    NotAuthorized,
    OutcomeUnknown,
    Providers,
    Refused,
    ServersFail,
    UnknownCharge,
    Work,
)
from services.payment.use_cases.asking import Asking
from services.payment.use_cases.recorder import Recorder


class RequestRefused(Exception):
    """The provider refuses a request of ours for a reason that the customer has no part in: an internal error."""


@dataclass(frozen=True)
class Settled:
    """A payment after a step, and what the customer's browser needs if it waits for a challenge."""

    payment: Payment
    challenge: Challenge | None = None


@dataclass(frozen=True)
class SettlePayment:
    """Asks, looks up, searches or cancels at the provider, whatever is due, and writes the outcome."""

    work: Work
    providers: Providers
    recorder: Recorder
    search_lag: timedelta
    """How far a provider's search may be behind."""
    asking: Asking = field(default_factory=Asking)

    async def __call__(self, payment: Payment) -> Settled:
        """Takes the step that is due now.

        Raises:
            OutcomeUnknown, NotAuthorized, NotAsked: the provider cannot be asked now; nothing was written.
            UnknownCharge: the provider does not know it; that was written, for a person.
            ChargeMismatch: the provider's charge is not what we asked for; nothing was written.
            RequestRefused: as `ask`.
        """
        try:
            return await self._step(payment)
        except UnknownCharge:
            await self.recorder.charges.unknown_at_provider(payment)
            raise

    async def ask(self, payment: Payment) -> Settled:
        """Asks the provider to charge, under the payment's key, for the first time.

        Raises:
            OutcomeUnknown: the payment goes on without us: the reconciler asks again.
            NotAuthorized, NotAsked: nothing happened; the payment is withdrawn, and the order can still be paid.
            RequestRefused: the same, by an error of ours.
            ChargeMismatch: as above.
        """
        try:
            return await self._ask(payment)
        except NotAuthorized:
            # Left live, it would be charged whenever somebody corrects the key, when nobody expects it any more.
            await self.recorder.charges.withdrawal(payment, "not_authorized")
            raise
        except NotAsked:
            await self.recorder.charges.withdrawal(payment, "circuit_open", asked=False)
            raise

    async def learn(self, payment: Payment, charge: Charge) -> Settled:
        """Writes the provider's present answer on the payment's charge. Raises ChargeMismatch."""
        return Settled(await self.recorder.charges.charge(payment, charge), charge.challenge)

    async def _step(self, payment: Payment) -> Settled:
        reference = payment.provider_reference
        match schedule.next_step(payment, clock.now()):
            case Step.ASK:
                return await self._ask_again(payment)
            case Step.SEARCH:
                return await self._search(payment)
            case Step.LOOK_UP if reference is not None:
                return await self.learn(payment, await self.providers.of(payment).look_up(reference))
            case Step.CANCEL if reference is not None:
                return await self.learn(payment, await self.providers.of(payment).cancel(reference, _reason(payment)))
            case Step.GIVE_BACK if reference is not None:
                await self._go_on_giving_back(payment, reference)
        return Settled(payment)

    async def _ask_again(self, payment: Payment) -> Settled:
        async with self.work.read() as unit:  # one guarded statement needs no transaction
            if not await unit.payments.begin_asking(payment, clock.now()):
                return Settled(payment)
        try:
            return await self._ask(payment)
        except NotAuthorized:
            await self.recorder.charges.unanswered(payment, "not_authorized")
            raise

    async def _ask(self, payment: Payment) -> Settled:
        with self.asking.about(payment.id):
            return await self._ask_and_record(payment)

    async def _ask_and_record(self, payment: Payment) -> Settled:
        try:
            charge = await self.providers.of(payment).ask(payment)
        except OutcomeUnknown as unknown:
            spent = isinstance(unknown, ServersFail)
            await self.recorder.charges.unanswered(payment, "unknown", key_is_spent=spent)
            raise
        except KeyUsedOtherwise:
            await self.recorder.charges.unanswered(payment, "key_used_otherwise", key_is_spent=True)
            return await self._search(payment)
        except Refused as refused:
            return await self._refused(payment, refused)
        return Settled(await self.recorder.charges.charge(payment, charge, asked=True), charge.challenge)

    async def _refused(self, payment: Payment, refused: Refused) -> Settled:
        if refused.refusal is Refusal.REQUEST:
            await self.recorder.charges.withdrawal(payment, refused.code)
            raise RequestRefused from refused
        return Settled(await self.recorder.charges.refusal(payment, refused.refusal, refused.code))

    async def _search(self, payment: Payment) -> Settled:
        """Finds out whether the provider knows the payment, without asking it to charge."""
        found = await self.providers.of(payment).search(payment.id)
        if found is not None:
            return await self.learn(payment, found)
        now = clock.now()
        if not schedule.may_conclude(payment, now, self.providers.of(payment).takes_at_most + self.search_lag):
            return Settled(payment)
        if payment.close_charge or not keys.may_take_another_key(payment, now):
            return Settled(await self.recorder.charges.never_charged(payment))
        async with self.work.read() as unit:  # one guarded statement
            taken = await unit.payments.take_next_key(payment)
        return await self._ask_again(payment.with_next_key()) if taken else Settled(payment)

    async def _go_on_giving_back(self, payment: Payment, reference: str) -> None:
        """Whatever has happened to the money meanwhile, also without a notice."""
        if payment.dispute is not None:
            for dispute in await self.providers.of(payment).disputes_of(reference):
                await self.recorder.disputes(payment, dispute)
        for refund in await self.providers.of(payment).refunds_of(reference):
            await self.recorder.refunds.refund(payment, refund)
        await self.recorder.give_back(payment)


def _reason(payment: Payment) -> CloseReason:
    """A live payment that is to be closed is one whose order was cancelled; else the customer never finished."""
    return CloseReason.ORDER_CANCELLED if payment.is_live and payment.close_charge else CloseReason.ABANDONED
