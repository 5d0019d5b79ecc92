"""Failed sign-ins slow down, on a real PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address

import pytest

from services.chassis.plain import clock
from services.user.adapters import sign_in_failures
from services.user.domain import limits
from services.user.use_cases import log_in
from services.user.use_cases.log_in import LogIn, SignInRefused, TooManyFailures
from tests.integration.user.support import CLIENT, PASSWORD, Accounts, outcomes

ADA, BOB = "Ada@example.com", "bob@example.com"


async def fail(accounts: Accounts, email: str, times: int) -> None:
    for _ in range(times):
        with pytest.raises(SignInRefused):
            await accounts.log_in(email, "not my horse")


async def pass_time(accounts: Accounts, by: str) -> None:
    """As if all failures had been so long ago."""
    await accounts.postgres.execute(
        f"UPDATE sign_in_failures SET (last_at, refused_until)"
        f" = (last_at - interval '{by}', refused_until - interval '{by}')"
    )


@pytest.mark.parametrize("email", [ADA, "nobody@example.com"])
async def test_who_guesses_one_accounts_password_has_to_wait(
    accounts: Accounts, email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_in, "pause_after", lambda count, free: timedelta(minutes=count >= free))
    await accounts.register(ADA)
    await accounts.register(BOB)
    await fail(accounts, email, limits.FAILURES_FOR_AN_ACCOUNT)
    before = await accounts.counts()
    accounts.hashed.clear()
    for password in (PASSWORD, "not my horse"):  # the right one as well: a guesser learns nothing
        with pytest.raises(TooManyFailures) as error:
            await accounts.log_in(email.upper(), password)
        assert error.value.retry_after
        assert timedelta(0) < error.value.retry_after <= timedelta(minutes=1)
    assert (accounts.hashed, await accounts.counts()) == ([], before)
    await accounts.log_in(BOB)  # somebody else, from the same address, need not
    await pass_time(accounts, "1 min")
    if email == ADA:
        await accounts.log_in(ADA)
        await fail(accounts, ADA, limits.FAILURES_FOR_AN_ACCOUNT)  # forgotten with the right password
    else:
        await fail(accounts, email, 1)
        with pytest.raises(TooManyFailures):
            await accounts.log_in(email)


async def test_who_guesses_from_one_address_has_to_wait(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FAILURES_FOR_A_CLIENT", 3)
    monkeypatch.setattr(log_in, "pause_after", lambda count, free: timedelta(minutes=count >= free))
    await accounts.register(ADA)
    for number in range(3):
        await fail(accounts, f"{number}@example.com", 1)
    with pytest.raises(TooManyFailures):
        await accounts.log_in(ADA)
    elsewhere = replace(CLIENT, ip_address=ip_address("2001:db8::1"))
    await accounts.logging_in(LogIn(ADA, PASSWORD, elsewhere))
    await accounts.logging_in(LogIn(ADA, PASSWORD, replace(CLIENT, ip_address=None)))


async def test_after_a_quarter_of_an_hour_counting_begins_anew(accounts: Accounts) -> None:
    await fail(accounts, ADA, limits.FAILURES_FOR_AN_ACCOUNT - 1)
    await pass_time(accounts, "16 min")
    await fail(accounts, ADA, limits.FAILURES_FOR_AN_ACCOUNT - 1)
    assert {row["failures"] for row in await accounts.rows("sign_in_failures")} == {limits.FAILURES_FOR_AN_ACCOUNT - 1}


async def test_failures_at_once_are_all_counted(accounts: Accounts) -> None:
    guesses = [f"horse {number}" for number in range(4)]
    _, refused = await outcomes(*(accounts.log_in(ADA, guess) for guess in guesses))
    assert refused == {SignInRefused: 4}
    assert {row["failures"] for row in await accounts.rows("sign_in_failures")} == {4}


async def test_what_is_old_is_pruned_and_no_address_is_kept(accounts: Accounts) -> None:
    await fail(accounts, ADA, 1)
    await pass_time(accounts, "1 h")
    await fail(accounts, BOB, 1)
    rows = await accounts.rows("sign_in_failures")
    assert not any(ADA.lower().encode() in bytes(row["what"]) for row in rows)
    async with accounts.postgres.connection() as connection:
        assert await sign_in_failures.prune(connection, clock.now() - limits.FAILURES_KEPT, 10) == 1
    assert len(await accounts.rows("sign_in_failures")) == 2
