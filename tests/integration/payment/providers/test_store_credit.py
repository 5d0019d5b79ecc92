"""Store credit passes what any provider must, on the real PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from types import MappingProxyType
from uuid import UUID, uuid4

import pytest
from asyncpg import CheckViolationError, RestrictViolationError

from services.chassis.data.postgres import Connection, Postgres
from services.chassis.plain import clock, ids
from services.chassis.plain.errors import Unavailable
from services.chassis.plain.money import Money
from services.payment.adapters.store_credit.balances import PostgresCredit
from services.payment.adapters.store_credit.provider import StoreCreditProvider
from services.payment.domain.charges import ChargeState
from services.payment.domain.credit import INSUFFICIENT_CREDIT, STORE_CREDIT, CreditEntry, CreditKind
from services.payment.domain.payments import Payment
from tests.integration.payment.providers.conformance import Conformance, ProviderSide, a_payment, a_refund


class FlakyPostgres(Postgres):
    """A pool that loses the answer to a commit, or the whole transaction, when a test sets it."""

    loses_answer = False
    fails = False

    @contextlib.asynccontextmanager
    async def transaction(self, point: str = "") -> AsyncIterator[Connection]:
        if self.fails:
            raise Unavailable
        async with super().transaction(point) as connection:
            yield connection
        if self.loses_answer:
            raise Unavailable


class StoreCreditSide(ProviderSide):
    """The adapter, and its tables."""

    methods = MappingProxyType({ChargeState.SUCCEEDED: STORE_CREDIT, ChargeState.DECLINED: STORE_CREDIT})
    unknown_method = "pm_card_visa"
    has_customers = False
    has_disputes = False
    has_notices = False
    keeps_failures = False

    def __init__(self, postgres: FlakyPostgres) -> None:
        self.provider = StoreCreditProvider(postgres)
        self.postgres = postgres

    async def behave(self) -> None:
        self.postgres.loses_answer = self.postgres.fails = False

    async def lose_answers(self) -> None:
        self.postgres.loses_answer = True

    async def fail(self) -> None:
        self.postgres.fails = True

    async def taken(self, payment_id: UUID) -> tuple[int, int]:
        rows = await self.postgres.fetch(
            "SELECT kind, amount FROM credit_entries WHERE payment_id = $1 AND kind IN ('charge', 'reversal')",
            payment_id,
        )
        sums = {kind: sum(int(row["amount"] * 100) for row in rows if row["kind"] == kind) for kind in CreditKind}
        return sums[CreditKind.CHARGE], sums[CreditKind.REVERSAL]

    async def fund(self, payment: Payment, state: ChargeState) -> None:
        short = state is ChargeState.DECLINED
        await self.grant(payment.user_id, payment.amount.minor - (1 if short else 0))

    async def grant(self, user_id: UUID, minor: int, currency: str = "USD") -> None:
        entry = CreditEntry(
            ids.new_id(),
            user_id,
            CreditKind.GRANT,
            Money(minor, currency),
            clock.now(),
            granted_by=uuid4(),
            reason="a test",
        )
        async with self.postgres.transaction() as connection:
            await PostgresCredit(connection).add(entry)

    async def balance(self, user_id: UUID) -> list[Money]:
        async with self.postgres.connection() as connection:
            credit = PostgresCredit(connection)
            for one in await credit.compared([user_id]):
                assert one.balance == one.entries
            return await credit.of_user(user_id)


@pytest.fixture(scope="module")
async def flaky(postgres: Postgres, postgres_url: str) -> AsyncIterator[FlakyPostgres]:
    pool = FlakyPostgres(postgres_url, "payment-test")
    await pool.start()
    yield pool
    await pool.stop()


@pytest.fixture
async def side(flaky: FlakyPostgres) -> StoreCreditSide:
    side = StoreCreditSide(flaky)
    await side.behave()
    return side


class TestStoreCredit(Conformance):
    """What any provider must do, as far as there is something of the kind."""


async def test_a_balance_that_is_too_small_is_a_decline_and_changes_nothing(side: StoreCreditSide) -> None:
    payment = await a_payment(side, ChargeState.DECLINED)
    declined = await side.provider.ask(payment)
    assert (declined.state, declined.decline_code) == (ChargeState.DECLINED, INSUFFICIENT_CREDIT)
    assert await side.balance(payment.user_id) == [Money(5997, "USD")]
    # More credit does not turn a decline into a success: the same request has the same answer.
    await side.grant(payment.user_id, 5998)
    assert (await side.provider.ask(payment)).state is ChargeState.DECLINED


async def test_credit_of_another_currency_pays_nothing(side: StoreCreditSide) -> None:
    payment = await a_payment(side, ChargeState.DECLINED)
    await side.grant(payment.user_id, 10_000, "EUR")
    assert (await side.provider.ask(payment)).state is ChargeState.DECLINED
    assert await side.balance(payment.user_id) == [Money(10_000, "EUR"), Money(5997, "USD")]


async def test_payments_at_once_never_take_more_than_there_is(side: StoreCreditSide) -> None:
    first = await a_payment(side)
    await side.grant(first.user_id, 5998)
    payments = [first, *(replace(first, id=ids.new_id()) for _ in range(9))]
    charges = await asyncio.gather(*(side.provider.ask(payment) for payment in payments for _ in range(2)))
    succeeded = {charge.reference for charge in charges if charge.state is ChargeState.SUCCEEDED}
    assert len(succeeded) == 2
    assert await side.balance(first.user_id) == [Money(0, "USD")]


async def test_refunds_at_once_give_back_what_was_taken_and_no_more(side: StoreCreditSide) -> None:
    payment = await a_payment(side)
    charge = await side.provider.ask(payment)
    refunds = [a_refund(charge, payment, 2000) for _ in range(5)]
    await asyncio.gather(
        *(side.provider.refund(one, str(charge.reference)) for one in refunds for _ in range(2)), return_exceptions=True
    )
    assert await side.taken(payment.id) == (5998, 4000)
    assert await side.balance(payment.user_id) == [Money(4000, "USD")]


async def test_the_database_holds_to_it_whatever_the_code_does(side: StoreCreditSide) -> None:
    user_id = uuid4()
    await side.grant(user_id, 100)
    with pytest.raises(CheckViolationError):
        await side.postgres.execute("UPDATE credit_accounts SET balance = -1 WHERE user_id = $1", user_id)
    for statement in (
        "UPDATE credit_entries SET amount = 2 WHERE user_id = $1",
        "DELETE FROM credit_entries WHERE user_id = $1",
    ):
        with pytest.raises(RestrictViolationError):
            await side.postgres.execute(statement, user_id)
