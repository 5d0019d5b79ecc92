"""Failed sign-ins slow down, on a real PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from uuid import UUID

import pytest

from services.chassis.plain import clock
from services.chassis.plain.ids import new_id
from services.user.adapters import sign_in_failures
from services.user.domain import limits
from services.user.domain.sessions import Client
from services.user.use_cases import guesses
from services.user.use_cases.change_password import WrongPassword
from services.user.use_cases.guesses import TooManyFailures
from services.user.use_cases.log_in import LogIn, SignInRefused
from tests.integration.user.support import CLIENT, PASSWORD, Accounts, outcomes

ADA, BOB = "Ada@example.com", "bob@example.com"
STRANGER = replace(CLIENT, ip_address=ip_address("198.51.100.9"))


async def fail(accounts: Accounts, email: str, times: int, client: Client = STRANGER, device_token: str = "") -> None:
    for _ in range(times):
        with pytest.raises(SignInRefused):
            await accounts.log_in(email, "not my horse", client, device_token)


@pytest.fixture
def long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pause takes a minute: no test outlasts one."""
    monkeypatch.setattr(guesses, "pause_after", lambda count, free: timedelta(minutes=count >= free))


async def pass_time(accounts: Accounts, by: str) -> None:
    """As if all failures had been so long ago."""
    await accounts.postgres.execute(
        f"UPDATE sign_in_failures SET (last_at, refused_until)"
        f" = (last_at - interval '{by}', refused_until - interval '{by}')"
    )


@pytest.mark.usefixtures("long_pauses")
@pytest.mark.parametrize("email", [ADA, "nobody@example.com"])
async def test_who_guesses_one_accounts_password_has_to_wait(accounts: Accounts, email: str) -> None:
    await accounts.register(ADA)
    await accounts.register(BOB)
    await fail(accounts, email, limits.FAILURES_FOR_AN_ACCOUNT)
    before = await accounts.counts()
    accounts.hashed.clear()
    for password in (PASSWORD, "not my horse"):  # the right one as well: a guesser learns nothing
        with pytest.raises(TooManyFailures) as error:
            await accounts.log_in(email.upper(), password, STRANGER)
        assert error.value.retry_after
        assert timedelta(0) < error.value.retry_after <= timedelta(minutes=1)
    assert (accounts.hashed, await accounts.counts()) == ([], before)
    await accounts.log_in(BOB, client=STRANGER)  # somebody else, from the same address, need not
    await pass_time(accounts, "1 min")
    if email == ADA:
        await accounts.log_in(ADA, client=replace(STRANGER, ip_address=None))
        await fail(accounts, ADA, limits.FAILURES_FOR_AN_ACCOUNT)  # forgotten with the right password
    else:
        await fail(accounts, email, 1)
        with pytest.raises(TooManyFailures):
            await accounts.log_in(email, client=STRANGER)


@pytest.mark.usefixtures("long_pauses")
async def test_who_guesses_from_one_address_has_to_wait(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FAILURES_FOR_A_CLIENT", 3)
    await accounts.register(ADA)
    for number in range(3):
        await fail(accounts, f"{number}@example.com", 1)
    with pytest.raises(TooManyFailures):
        await accounts.log_in(ADA, client=STRANGER)
    elsewhere = replace(CLIENT, ip_address=ip_address("2001:db8::1"))
    await accounts.logging_in(LogIn(ADA, PASSWORD, elsewhere))
    await accounts.logging_in(LogIn(ADA, PASSWORD, replace(CLIENT, ip_address=None)))


async def test_after_a_quarter_of_an_hour_counting_begins_anew(accounts: Accounts) -> None:
    await fail(accounts, ADA, limits.FAILURES_FOR_AN_ACCOUNT - 1)
    await pass_time(accounts, "16 min")
    await fail(accounts, ADA, limits.FAILURES_FOR_AN_ACCOUNT - 1)
    assert {row["failures"] for row in await accounts.rows("sign_in_failures")} == {limits.FAILURES_FOR_AN_ACCOUNT - 1}


@pytest.mark.usefixtures("long_pauses")
async def test_strangers_do_not_hold_up_who_signed_in_before(accounts: Accounts) -> None:
    await accounts.register(ADA)
    await fail(accounts, ADA, limits.FAILURES_FOR_AN_ACCOUNT)
    with pytest.raises(TooManyFailures):
        await accounts.log_in(ADA, client=STRANGER)
    await accounts.log_in(ADA)


@pytest.mark.usefixtures("long_pauses")
async def test_a_device_that_signed_in_before_has_a_limit_of_its_own(accounts: Accounts) -> None:
    summary, _ = await accounts.register(ADA)
    token = accounts.logging_in.devices.new(UUID(summary.id))
    await fail(accounts, ADA, limits.FAILURES_FOR_AN_ACCOUNT)
    anothers = accounts.logging_in.devices.new(new_id())
    for bad in ("", "x", f"{token}x", f"x{token}", token.replace(".", ".9", 1), anothers):
        with pytest.raises(TooManyFailures):
            await accounts.log_in(ADA, client=STRANGER, device_token=bad)
    await accounts.log_in(ADA, client=STRANGER, device_token=token)
    await fail(accounts, ADA, limits.FAILURES_FROM_A_KNOWN_CLIENT, device_token=token)
    with pytest.raises(TooManyFailures):
        await accounts.log_in(ADA, client=STRANGER, device_token=token)


@pytest.mark.usefixtures("long_pauses")
async def test_of_guesses_at_once_no_more_are_compared_than_the_limit(accounts: Accounts) -> None:
    await accounts.register(ADA)
    accounts.hashed.clear()
    guessed = (accounts.log_in(ADA, f"horse {number}", STRANGER) for number in range(30))
    _, refused = await outcomes(*guessed)
    assert len(accounts.hashed) == limits.FAILURES_FOR_AN_ACCOUNT
    assert refused == {SignInRefused: 5, TooManyFailures: 25}
    rows = await accounts.rows("sign_in_failures")
    assert {row["failures"] for row in rows} == {limits.FAILURES_FOR_AN_ACCOUNT}


@pytest.mark.usefixtures("long_pauses")
async def test_of_old_passwords_at_once_no_more_are_compared_than_the_limit(accounts: Accounts) -> None:
    _, session = await accounts.register(ADA)
    accounts.hashed.clear()
    guessed = (accounts.change_password(session, f"horse {number}", "another horse") for number in range(30))
    _, refused = await outcomes(*guessed)
    assert refused == {WrongPassword: 5, TooManyFailures: 25}
    assert len(accounts.hashed) == limits.FAILURES_IN_A_SESSION
    await accounts.change_password(await accounts.log_in(ADA), PASSWORD, "another horse")


async def test_what_is_old_is_pruned_and_no_address_is_kept(accounts: Accounts) -> None:
    await fail(accounts, ADA, 1)
    await pass_time(accounts, "1 h")
    await fail(accounts, BOB, 1)
    rows = await accounts.rows("sign_in_failures")
    assert not any(ADA.lower().encode() in bytes(row["what"]) for row in rows)
    async with accounts.postgres.connection() as connection:
        assert await sign_in_failures.prune(connection, clock.now() - limits.FAILURES_KEPT, 10) == 1
    assert len(await accounts.rows("sign_in_failures")) == 2
