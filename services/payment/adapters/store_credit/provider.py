"""Store credit as a payment provider: what it answers when it is asked to take money or to give it back.

A charge and the change of the balance are one transaction. The payment's id, and the refund's, is the key: whatever is
asked again finds what was done. It has no challenges, customer records, disputes and notices.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from services.chassis.data.postgres import Connection, Postgres
from services.chassis.plain import clock, ids
from services.chassis.plain.errors import Unavailable
from services.chassis.plain.money import Money
from services.payment.adapters.store_credit.balances import PostgresCredit
from services.payment.adapters.store_credit.charges import CreditCharge, PostgresCharges
from services.payment.domain.charges import Charge, ChargeState, CloseReason, ListedCharge, Refusal, Settlement
from services.payment.domain.credit import INSUFFICIENT_CREDIT, STORE_CREDIT, CreditEntry, CreditKind
from services.payment.domain.disputes import ProviderDispute
from services.payment.domain.payments import Payment
from services.payment.domain.refunds import ProviderRefund, Refund, RefundStatus
from services.payment.ports import KeyUsedOtherwise, OutcomeUnknown, Refused, UnknownCharge

_TAKES_AT_MOST = timedelta(seconds=30)


class StoreCreditProvider:
    """Customers' store credit (ports.PaymentProvider): a Resource without a connection of its own.

    Args:
        postgres: the pool of the payment service.
    """

    name = STORE_CREDIT
    label = "store credit"
    takes_at_most = _TAKES_AT_MOST

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def start(self) -> None:
        """Nothing: the pool is a resource itself."""

    async def stop(self) -> None:
        """Nothing, as `start`."""

    async def check(self) -> None:
        """Never fails: the pool is checked itself."""

    async def ask(self, payment: Payment) -> Charge:
        """Takes the payment's amount from the customer's balance, once; a decline when the balance is less.

        Raises:
            Refused: the payment names another payment method.
            KeyUsedOtherwise: the payment was asked for with another amount or customer.
            OutcomeUnknown: the database does not answer.
        """
        if payment.payment_method != STORE_CREDIT:
            raise Refused(Refusal.PAYMENT_METHOD, None, None)
        reference = f"credit_{payment.id}"
        with _answering():
            async with self._postgres.transaction("store_credit.charge") as connection:
                charges = PostgresCharges(connection)
                is_new = await charges.add(reference, payment)
                if is_new and not await PostgresCredit(connection).take(_charge_entry(payment)):
                    await charges.decline(reference)
                charge = await _existing(charges, reference)
        if (charge.user_id, charge.amount) != (payment.user_id, payment.amount):
            raise KeyUsedOtherwise
        return _charge(charge)

    async def look_up(self, reference: str) -> Charge:
        """The charge as it is now. Raises UnknownCharge, OutcomeUnknown."""
        with _answering():
            async with self._postgres.connection() as connection:
                return _charge(await _existing(PostgresCharges(connection), reference))

    async def search(self, payment_id: UUID) -> Charge | None:
        """The charge of the payment. Raises OutcomeUnknown."""
        with _answering():
            async with self._postgres.connection() as connection:
                found = await PostgresCharges(connection).of_payment(payment_id)
        return _charge(found) if found else None

    async def cancel(self, reference: str, reason: CloseReason) -> Charge:
        """Cancels a declined charge; one that succeeded stays. Raises UnknownCharge, OutcomeUnknown."""
        with _answering():
            async with self._postgres.transaction("store_credit.cancel") as connection:
                charges = PostgresCharges(connection)
                await charges.cancel(reference)
                return _charge(await _existing(charges, reference))

    async def refund(self, refund: Refund, reference: str) -> ProviderRefund:
        """Adds money of the charge to the customer's balance, once.

        Raises:
            UnknownCharge, KeyUsedOtherwise, OutcomeUnknown.
            Refused: the charge took no money, or less than this is left of it.
        """
        with _answering():
            async with self._postgres.transaction("store_credit.refund") as connection:
                entry = await self._refund(connection, refund, reference)
        if entry.amount != refund.amount:
            raise KeyUsedOtherwise
        return _refund(entry)

    async def refunds_of(self, reference: str) -> list[ProviderRefund]:
        """All refunds of a charge, oldest first. Raises UnknownCharge, OutcomeUnknown."""
        with _answering():
            async with self._postgres.connection() as connection:
                charge = await _existing(PostgresCharges(connection), reference)
                return [_refund(one) for one in await PostgresCredit(connection).reversals_of(charge.payment_id)]

    async def disputes_of(self, reference: str) -> list[ProviderDispute]:
        """None: there is no bank with which a customer could dispute a charge."""
        return []

    async def page_of_charges(self, after: str | None, limit: int) -> list[ListedCharge]:
        """Up to `limit` charges older than the charge `after`, newest first. Raises UnknownCharge, OutcomeUnknown."""
        with _answering():
            async with self._postgres.connection() as connection:
                charges = PostgresCharges(connection)
                place = None if after is None else await _existing(charges, after)
                return await _listed(connection, await charges.page(place, limit))

    async def see_charge(self, reference: str) -> ListedCharge:
        """The charge as the list has it. Raises UnknownCharge, OutcomeUnknown."""
        with _answering():
            async with self._postgres.connection() as connection:
                [listed] = await _listed(connection, [await _existing(PostgresCharges(connection), reference)])
                return listed

    async def user_of_customer(self, customer_id: str) -> str | None:
        """Nobody: there are no customer records."""
        return None

    async def _refund(self, connection: Connection, refund: Refund, reference: str) -> CreditEntry:
        charge = await PostgresCharges(connection).lock(reference)
        if charge is None:
            raise UnknownCharge
        credit = PostgresCredit(connection)
        known = await credit.of_refund(refund.id)
        if known is not None:
            return known
        given_back = _of(await credit.given_back([charge.payment_id]), charge).minor
        if charge.state is not ChargeState.SUCCEEDED or given_back + refund.amount.minor > charge.amount.minor:
            raise Refused(Refusal.REQUEST, "amount_too_large", None)
        entry = CreditEntry(
            id=ids.new_id(),
            user_id=charge.user_id,
            kind=CreditKind.REVERSAL,
            amount=refund.amount,
            created_at=clock.now(),
            payment_id=charge.payment_id,
            refund_id=refund.id,
        )
        await credit.add(entry)
        return entry


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    """Around work in the database. Raises OutcomeUnknown: it does not answer, or not whether it has committed."""
    try:
        yield
    except Unavailable as error:
        raise OutcomeUnknown from error


async def _existing(charges: PostgresCharges, reference: str) -> CreditCharge:
    found = await charges.find(reference)
    if found is None:
        raise UnknownCharge
    return found


async def _listed(connection: Connection, charges: Sequence[CreditCharge]) -> list[ListedCharge]:
    given_back = await PostgresCredit(connection).given_back([charge.payment_id for charge in charges])
    return [
        ListedCharge(
            reference=charge.reference,
            state=charge.state,
            word=charge.state.value,
            created_at=charge.created_at,
            amount=charge.amount,
            refunded=_of(given_back, charge),
            payment_id=charge.payment_id,
            is_disputed=False,
        )
        for charge in charges
    ]


def _of(given_back: Mapping[UUID, Money], charge: CreditCharge) -> Money:
    return given_back.get(charge.payment_id, Money(0, charge.amount.currency))


def _charge_entry(payment: Payment) -> CreditEntry:
    return CreditEntry(
        id=ids.new_id(),
        user_id=payment.user_id,
        kind=CreditKind.CHARGE,
        amount=payment.amount,
        created_at=clock.now(),
        payment_id=payment.id,
    )


def _charge(charge: CreditCharge) -> Charge:
    succeeded = charge.state is ChargeState.SUCCEEDED
    code = INSUFFICIENT_CREDIT if charge.state is ChargeState.DECLINED else None
    return Charge(
        reference=charge.reference,
        state=charge.state,
        amount=charge.amount,
        payment_id=charge.payment_id,
        word=charge.state.value,
        answer={"charge": charge.reference, "state": charge.state.value},
        capture_reference=charge.reference if succeeded else None,
        settlement=Settlement(charge.reference, Money(0, charge.amount.currency), charge.amount) if succeeded else None,
        error_code=code,
        decline_code=code,
    )


def _refund(entry: CreditEntry) -> ProviderRefund:
    return ProviderRefund(
        reference=entry.reference,
        status=RefundStatus.SUCCEEDED,
        amount=entry.amount,
        refund_id=entry.refund_id,
    )
