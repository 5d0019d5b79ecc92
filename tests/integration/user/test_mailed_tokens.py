"""Resetting passwords and verifying addresses by tokens that are mailed, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from uuid import UUID

import pytest

from argosy.event.v1.user_events_pb2 import EmailVerificationRequested, PasswordResetRequested, UserUpdated
from services.chassis.plain import clock
from services.chassis.plain.ids import new_id
from services.user.adapters import mail_asks, mail_requests
from services.user.domain.accounts import EmailTaken, NoSuchUser
from services.user.domain.limits import (
    FAILURES_FOR_AN_ACCOUNT,
    FAILURES_FROM_A_KNOWN_CLIENT,
    MAIL_WINDOW,
    MAILS_FOR_A_CLIENT,
    MAILS_TO_AN_ACCOUNT,
)
from services.user.domain.mail_requests import MailTokenNotGood
from services.user.domain.sessions import Session
from services.user.entrypoints.workers import KEEP_MAIL_REQUESTS
from services.user.use_cases.ask_for_verification import EmailVerified
from services.user.use_cases.count_mail import TooManyMails
from services.user.use_cases.guesses import TooManyFailures
from services.user.use_cases.log_in import SignInRefused
from services.user.use_cases.mint_mail_token import MailRequestVoid, MintMailToken, NoSuchMailRequest
from tests.integration.user.support import CLIENT, PASSWORD, Accounts, outcomes

ADA, BOB, BYRON = "Ada@example.com", "bob@example.com", "ada.byron@example.com"
NEW = "another correct horse"
STATE = ("users", "user_profiles", "user_sessions", "mail_requests", "mailed_tokens", "outbox")


async def state(accounts: Accounts) -> dict[str, list[str]]:
    return {table: sorted(str(tuple(row)) for row in await accounts.rows(table)) for table in STATE}


async def test_who_has_the_mail_gets_another_password_and_everybody_else_is_signed_out(accounts: Accounts) -> None:
    summary, session = await accounts.register(ADA)
    token = await accounts.mint(await accounts.reset_id("  ADA@EXAMPLE.COM"))
    await accounts.reset_password(token, NEW)
    assert accounts.refuses(session)
    events = ["PASSWORD_RESET_REQUESTED", "USER_UPDATED", "SESSION_REVOKED"]  # the address is verified, too
    assert (await accounts.events(summary.id))[-3:] == events
    assert (await accounts.row("users"))["email_verified"]
    with pytest.raises(SignInRefused):
        await accounts.log_in(ADA)
    await accounts.log_in(ADA, NEW)


async def test_a_token_works_once(accounts: Accounts) -> None:
    await accounts.register(ADA)
    token = await accounts.mint(await accounts.reset_id(ADA))
    await accounts.reset_password(token, NEW)
    before = await state(accounts)
    with pytest.raises(MailTokenNotGood):
        await accounts.reset_password(token, PASSWORD)
    assert await state(accounts) == before


async def test_of_several_at_once_one_wins(accounts: Accounts) -> None:
    await accounts.register(ADA)
    reset_id = await accounts.reset_id(ADA)
    tokens = [await accounts.mint(reset_id) for _ in range(3)]  # the mail had to be sent three times
    passwords = [f"{number} correct horses" for number in range(4)]  # no more than may be guessed at once
    calls = (accounts.reset_password(tokens[n % 3], password) for n, password in enumerate(passwords))
    answers, failures = await outcomes(*calls)
    assert (len(answers), failures) == (1, Counter({MailTokenNotGood: 3}))
    signed_in, refused = await outcomes(*(accounts.log_in(ADA, password) for password in passwords))
    assert len(signed_in) == 1
    assert set(refused) <= {SignInRefused, TooManyFailures}


async def test_the_token_is_kept_nowhere(accounts: Accounts) -> None:
    await accounts.register(ADA)
    token = await accounts.mint(await accounts.reset_id(ADA))
    everything = str(await state(accounts)) + str(await accounts.rows("mail_asks"))
    assert token not in everything
    assert token.encode().hex() not in everything
    assert len(await accounts.rows("mailed_tokens")) == 1


@pytest.mark.parametrize("status", [None, "suspended", "deleted"])
async def test_an_address_that_nobody_may_reset_is_answered_alike_and_comes_to_nothing(
    accounts: Accounts, status: str | None
) -> None:
    await accounts.register(BOB if status is None else ADA)
    if status is not None:
        await accounts.set_status(ADA, status)
    before = await state(accounts)
    await accounts.ask_for_reset(ADA)
    assert len(await accounts.rows("reset_wishes")) == 1
    assert await state(accounts) == before, "the answer is given before anybody has looked"
    await accounts.grant_resets()
    assert await state(accounts) == before
    assert await accounts.rows("reset_wishes") == []


async def test_several_who_see_to_wishes_at_once_see_to_each_once(accounts: Accounts) -> None:
    await accounts.register(ADA)
    await accounts.register(BOB)
    await accounts.ask_for_reset(ADA)
    await accounts.ask_for_reset(BOB)
    await asyncio.gather(*(accounts.grant_resets() for _ in range(5)))
    assert len(await accounts.rows("outbox", type="PASSWORD_RESET_REQUESTED")) == 2


async def test_a_newer_mail_voids_the_older(accounts: Accounts) -> None:
    await accounts.register(ADA)
    first = await accounts.reset_id(ADA)
    old = await accounts.mint(first)
    new = await accounts.mint(await accounts.reset_id(ADA))
    before = await state(accounts)
    with pytest.raises(MailTokenNotGood):
        await accounts.reset_password(old, NEW)
    with pytest.raises(MailRequestVoid):
        await accounts.mint(first)
    assert await state(accounts) == before
    await accounts.reset_password(new, NEW)


async def test_after_an_hour_it_is_too_late(accounts: Accounts) -> None:
    await accounts.register(ADA)
    token = await accounts.mint(await accounts.reset_id(ADA))
    (row,) = await accounts.rows("mailed_tokens")
    left = row["expires_at"] - datetime.now(UTC)
    assert timedelta(minutes=50) < left <= timedelta(hours=1)
    await accounts.postgres.execute("UPDATE mailed_tokens SET expires_at = now()")
    before = await state(accounts)
    with pytest.raises(MailTokenNotGood):
        await accounts.reset_password(token, NEW)
    assert await state(accounts) == before


async def test_a_mail_that_could_not_be_sent_for_a_day_is_not_sent_at_all(accounts: Accounts) -> None:
    await accounts.register(ADA)
    reset_id = await accounts.reset_id(ADA)
    await accounts.postgres.execute("UPDATE mail_requests SET created_at = now() - interval '1 day'")
    with pytest.raises(MailRequestVoid):
        await accounts.mint(reset_id)
    with pytest.raises(NoSuchMailRequest):
        await accounts.mint(str(new_id()))
    assert await accounts.rows("mailed_tokens") == []


@pytest.mark.parametrize("what", ["another address", "suspended", "deleted"])
async def test_a_token_does_not_outlive_what_it_was_mailed_for(accounts: Accounts, what: str) -> None:
    summary, _ = await accounts.register(ADA)
    reset_id = await accounts.reset_id(ADA)
    token = await accounts.mint(reset_id)
    if what == "another address":
        verify, _ = await accounts.move(summary.id, "ada.byron@example.com")
        await accounts.verify_email(verify)
    elif what == "deleted":
        await accounts.delete(summary.id)
    else:
        await accounts.set_status(ADA, what)
    before = await state(accounts)
    with pytest.raises(MailTokenNotGood):
        await accounts.reset_password(token, NEW)
    with pytest.raises(MailRequestVoid):
        await accounts.mint(reset_id)
    assert await state(accounts) == before


async def test_guesses_cost_no_hash_and_change_nothing(accounts: Accounts) -> None:
    await accounts.register(ADA)
    token = await accounts.mint(await accounts.reset_id(ADA))
    before, hashed = await state(accounts), list(accounts.hashed)
    for guess in ("", "x", token[:-1], token.swapcase(), f"{token}="):
        with pytest.raises(MailTokenNotGood):
            await accounts.reset_password(guess, NEW)
        with pytest.raises(MailTokenNotGood):
            await accounts.verify_email(guess)
    assert (await state(accounts), accounts.hashed) == (before, hashed)


async def test_who_forgot_the_password_does_not_wait_for_their_wrong_guesses(accounts: Accounts) -> None:
    await accounts.register(ADA)
    elsewhere = replace(CLIENT, ip_address=ip_address("198.51.100.9"))
    for client, times in ((CLIENT, FAILURES_FROM_A_KNOWN_CLIENT), (elsewhere, FAILURES_FOR_AN_ACCOUNT)):
        for _ in range(times + 1):
            with pytest.raises((SignInRefused, TooManyFailures)):
                await accounts.log_in(ADA, "wrong horse", client)
    await accounts.reset_password(await accounts.mint(await accounts.reset_id(ADA)), NEW)
    await accounts.log_in(ADA, NEW)


async def test_no_session_of_the_old_password_outlives_a_reset_that_came_with_its_sign_in(accounts: Accounts) -> None:
    await accounts.register(ADA)
    token = await accounts.mint(await accounts.reset_id(ADA))
    sign_ins = [accounts.log_in(ADA) for _ in range(5)]
    results = await asyncio.gather(*sign_ins, accounts.reset_password(token, NEW), return_exceptions=True)
    assert results[-1] is None
    assert all(isinstance(result, Session | SignInRefused) for result in results[:-1])
    assert await accounts.rows("user_sessions", revoked=False) == []


async def test_mails_to_one_address_are_limited_whoever_has_it(accounts: Accounts) -> None:
    await accounts.register(ADA)
    for email in (ADA, "nobody@example.com"):
        calls = (accounts.ask_for_reset(email, client=f"198.51.100.{n}") for n in range(MAILS_TO_AN_ACCOUNT + 3))
        answers, failures = await outcomes(*calls)
        assert (len(answers), failures) == (MAILS_TO_AN_ACCOUNT, Counter({TooManyMails: 3}))
        with pytest.raises(TooManyMails) as refused:
            await accounts.ask_for_reset(email.upper())
        assert refused.value.retry_after is not None
        assert timedelta(0) < refused.value.retry_after <= MAIL_WINDOW
    assert len(await accounts.rows("reset_wishes")) == 2 * MAILS_TO_AN_ACCOUNT
    await accounts.postgres.execute("UPDATE mail_asks SET since = since - interval '61 minutes'")
    await accounts.ask_for_reset(ADA)


async def test_mails_from_one_client_are_limited(accounts: Accounts) -> None:
    for number in range(MAILS_FOR_A_CLIENT):
        await accounts.ask_for_reset(f"nobody.{number}@example.com")
    with pytest.raises(TooManyMails):
        await accounts.ask_for_reset("another@example.com")
    await accounts.ask_for_reset("another@example.com", client="198.51.100.1")


async def test_registering_asks_to_verify_and_the_token_does_it_once(accounts: Accounts) -> None:
    await accounts.register(ADA)
    token = await accounts.mint(await accounts.verification_id())
    with pytest.raises(MailTokenNotGood):
        await accounts.reset_password(token, NEW)
    assert not (await accounts.row("users"))["email_verified"]
    answers, failures = await outcomes(*(accounts.verify_email(token) for _ in range(5)))
    assert (len(answers), failures) == (1, Counter({MailTokenNotGood: 4}))
    assert (await accounts.row("users"))["email_verified"]
    assert not (await accounts.row("user_sessions"))["revoked"]


async def test_a_resets_token_verifies_nothing(accounts: Accounts) -> None:
    await accounts.register(ADA)
    token = await accounts.mint(await accounts.reset_id(ADA))
    before = await state(accounts)
    with pytest.raises(MailTokenNotGood):
        await accounts.verify_email(token)
    assert await state(accounts) == before


async def test_another_address_takes_over_when_it_is_verified(accounts: Accounts) -> None:
    summary, _ = await accounts.register(ADA)
    old = await accounts.mint(await accounts.verification_id())
    await accounts.change(summary.id, email=BYRON)
    with pytest.raises(MailTokenNotGood):
        await accounts.verify_email(old)
    minted = await accounts.mailed.minting(
        MintMailToken(UUID(await accounts.verification_id(EmailVerificationRequested)))
    )
    assert (minted.email, minted.name) == (BYRON, "")
    assert (await accounts.row("users"))["email"] == ADA
    await accounts.verify_email(minted.token)
    row = await accounts.row("users")
    assert (row["email"], row["email_verified"]) == (BYRON, True)
    updated = UserUpdated.FromString((await accounts.last("USER_UPDATED"))["value"])
    assert (updated.email, updated.verification_id) == (BYRON, "")


async def test_the_old_address_has_a_way_back_from_all_that_followed(accounts: Accounts) -> None:
    summary, session = await accounts.register(ADA)
    verify, undo = await accounts.move(summary.id, BYRON)
    await accounts.verify_email(verify)
    verify, later = await accounts.move(summary.id, "eve@example.com")
    await accounts.verify_email(verify)
    before = await state(accounts)
    with pytest.raises(EmailTaken):  # it may come back
        await accounts.register(ADA)
    assert await state(accounts) == before
    await accounts.postgres.execute("UPDATE mailed_tokens SET expires_at = expires_at - interval '6 days'")
    answers, failures = await outcomes(*(accounts.undo(undo) for _ in range(4)))
    assert (len(answers), failures) == (1, Counter({MailTokenNotGood: 3}))
    row = await accounts.row("users")
    assert (row["email"], row["email_verified"]) == (ADA, True)
    assert accounts.refuses(session)
    with pytest.raises(SignInRefused):
        await accounts.log_in(ADA)
    with pytest.raises(MailTokenNotGood):
        await accounts.undo(later)
    reset = PasswordResetRequested.FromString((await accounts.last("PASSWORD_RESET_REQUESTED"))["value"])
    await accounts.reset_password(await accounts.mint(reset.reset_id), NEW)
    await accounts.log_in(ADA, NEW)


async def test_after_a_week_the_old_address_is_free_and_there_is_no_way_back(accounts: Accounts) -> None:
    summary, _ = await accounts.register(ADA)
    verify, undo = await accounts.move(summary.id, BYRON)
    await accounts.verify_email(verify)
    await accounts.postgres.execute("UPDATE mailed_tokens SET expires_at = expires_at - interval '7 days'")
    await accounts.postgres.execute("UPDATE address_changes SET created_at = created_at - interval '7 days'")
    with pytest.raises(MailTokenNotGood):
        await accounts.undo(undo)
    await accounts.register(ADA)


async def test_of_two_who_take_one_address_at_once_one_gets_it(accounts: Accounts) -> None:
    summary, _ = await accounts.register(ADA)
    verify, _ = await accounts.move(summary.id, BYRON)
    answers, failures = await outcomes(accounts.verify_email(verify), accounts.register(BYRON))
    assert (len(answers), failures) == (1, Counter({EmailTaken: 1}))
    assert len(await accounts.rows("users", email=BYRON)) == 1


async def test_asking_again_voids_the_mail_before_and_is_limited(accounts: Accounts) -> None:
    summary, _ = await accounts.register(ADA)
    old = await accounts.mint(await accounts.verification_id())
    answers, failures = await outcomes(
        *(accounts.ask_for_verification(summary.id) for _ in range(MAILS_TO_AN_ACCOUNT + 2))
    )
    assert (len(answers), failures) == (MAILS_TO_AN_ACCOUNT, Counter({TooManyMails: 2}))
    assert len(await accounts.rows("mail_requests", settled=False)) == 1
    with pytest.raises(MailTokenNotGood):
        await accounts.verify_email(old)
    await accounts.verify_email(await accounts.mint(await accounts.verification_id(EmailVerificationRequested)))
    before = await state(accounts)
    with pytest.raises(EmailVerified):
        await accounts.ask_for_verification(summary.id)
    with pytest.raises(NoSuchUser):
        await accounts.ask_for_verification(str(new_id()))
    assert await state(accounts) == before


async def test_what_is_over_its_time_is_forgotten(accounts: Accounts) -> None:
    await accounts.register(ADA)
    await accounts.mint(await accounts.reset_id(ADA))
    async with accounts.postgres.connection() as connection:
        assert await mail_requests.prune(connection, clock.now() - KEEP_MAIL_REQUESTS, 10) == 0
        assert await mail_asks.prune(connection, clock.now() - MAIL_WINDOW, 10) == 0
        later = clock.now() + timedelta(seconds=1)
        assert await mail_requests.prune(connection, later, 10) == 2
        assert await mail_asks.prune(connection, later, 10) == 2
    assert await accounts.rows("mailed_tokens") == []
