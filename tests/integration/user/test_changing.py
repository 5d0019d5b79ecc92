"""Changing and deleting accounts on a real PostgreSQL."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from argosy.event.v1.user_events_pb2 import UserDeleted, UserUpdated
from services.chassis.plain.ids import new_id
from services.user.domain.accounts import AccountDeleted, AccountStatus, Changes, EmailTaken, NoSuchUser
from services.user.domain.people import InvalidPerson
from services.user.use_cases.change_password import WrongPassword
from services.user.use_cases.change_user import ChangeUser
from services.user.use_cases.delete_user import DeleteUser
from services.user.use_cases.get_user import GetUser, GetUserHandler
from services.user.use_cases.log_in import SignInRefused
from tests.integration.user.support import PASSWORD, Accounts, outcomes

ADA, BOB = "Ada@example.com", "bob@example.com"
PROFILE = {
    "avatar_url": "https://a.example/a.png",
    "bio": "words",
    "preferences": {"theme": "dark", "nested": {"list": [1, None, "ü"]}},
    "address": {"street": "123 Test St", "zipCode": "12345"},
    "phone": "+1 555 0100",
    "date_of_birth": date(1990, 2, 28),
}


async def test_what_is_present_changes_and_is_published(accounts: Accounts) -> None:
    summary, _ = await accounts.register(ADA)
    await accounts.postgres.execute("UPDATE users SET email_verified = true")
    await accounts.change(summary.id, profile=PROFILE)
    changed = await accounts.change(summary.id, first_name=" Augusta ", email="ada@example.org", profile={"bio": None})
    stored = await GetUserHandler(accounts.work)(GetUser(changed.id, False, changed.id))
    assert stored == changed
    assert (changed.person.full_name, changed.person.email, changed.pending_email) == (
        "Augusta Tour",
        ADA,
        "ada@example.org",
    )
    assert changed.updated_at > changed.created_at
    assert {name: getattr(changed.profile, name) for name in PROFILE} == {**PROFILE, "bio": None}
    events = await accounts.rows("outbox", type="USER_UPDATED")
    found = [UserUpdated.FromString(row["value"]) for row in sorted(events, key=lambda row: row["position"])]
    assert found[-1] == UserUpdated(user_id=summary.id, email=ADA, name="Augusta Tour", email_verified=True)
    assert len(found) == 2
    await accounts.log_in(ADA)
    with pytest.raises(SignInRefused):
        await accounts.log_in("ada@example.org")


async def test_the_same_address_in_another_case_stays_verified_and_changes_nothing(accounts: Accounts) -> None:
    summary, _ = await accounts.register(ADA)
    await accounts.postgres.execute("UPDATE users SET email_verified = true")
    assert (await accounts.change(summary.id, email="ADA@EXAMPLE.COM")).email_verified
    before = await accounts.counts()
    row = await accounts.row("users")
    await accounts.change(summary.id, email="ADA@EXAMPLE.COM", first_name="Ada", profile={"bio": None})
    assert (await accounts.counts(), await accounts.row("users")) == (before, row)


async def test_changes_at_once_keep_each_other(accounts: Accounts) -> None:
    summary, _ = await accounts.register(ADA)
    await outcomes(*(accounts.change(summary.id, profile={name: value}) for name, value in PROFILE.items()))
    profile = (await GetUserHandler(accounts.work)(GetUser(UUID(summary.id), False, UUID(summary.id)))).profile
    assert {name: getattr(profile, name) for name in PROFILE} == PROFILE


async def test_a_refused_change_changes_nothing(accounts: Accounts) -> None:
    ada, _ = await accounts.register(ADA)
    bob, _ = await accounts.register(BOB)
    before, people = await accounts.counts(), await accounts.rows("users")
    profiles = await accounts.rows("user_profiles")
    with pytest.raises(EmailTaken):
        await accounts.change(ada.id, email="BOB@example.com", profile={"bio": "x"})
    with pytest.raises(InvalidPerson):
        await accounts.change(ada.id, first_name="\n", profile={"bio": "x"})
    for who, whom in ((UUID(ada.id), UUID(bob.id)), (new_id(), UUID(ada.id))):
        with pytest.raises(NoSuchUser):
            await accounts.changing(ChangeUser(who, False, who, None, whom, changes_of_bio()))
        with pytest.raises(NoSuchUser):
            await accounts.deleting(DeleteUser(who, False, whom))
    nobody = new_id()
    with pytest.raises(NoSuchUser):
        await accounts.changing(ChangeUser(nobody, True, nobody, None, nobody, changes_of_bio()))
    with pytest.raises(NoSuchUser):
        await accounts.deleting(DeleteUser(nobody, True, nobody))
    assert (await accounts.counts(), await accounts.rows("users")) == (before, people)
    assert await accounts.rows("user_profiles") == profiles


async def test_a_deleted_account_is_out_and_its_address_free(accounts: Accounts) -> None:
    summary, session = await accounts.register(ADA)
    deleted, failures = await outcomes(*(accounts.delete(summary.id) for _ in range(5)))
    assert not failures
    assert {user.status for user in deleted} == {AccountStatus.DELETED}
    assert accounts.refuses(session)
    assert (await accounts.row("user_sessions", id=session.id))["revoked"]
    event = await accounts.row("outbox", type="USER_DELETED")
    assert (event["key"], UserDeleted.FromString(event["value"])) == (summary.id, UserDeleted(user_id=summary.id))
    with pytest.raises(SignInRefused):
        await accounts.log_in(ADA)
    with pytest.raises(AccountDeleted):
        await accounts.change(summary.id, first_name="Bob")
    again, _ = await accounts.register(ADA.upper())
    assert again.id != summary.id


async def test_another_password_ends_all_other_sessions(accounts: Accounts) -> None:
    summary, first = await accounts.register(ADA)
    second = await accounts.log_in(ADA)
    await accounts.change_password(second, PASSWORD, "another horse")
    assert (accounts.refuses(first), accounts.refuses(second)) == (True, False)
    assert await accounts.events(summary.id) == ["USER_CREATED", "USER_LOGIN", "SESSION_REVOKED"]
    await accounts.log_in(ADA, "another horse")
    with pytest.raises(SignInRefused):
        await accounts.log_in(ADA)


async def test_of_two_changes_at_once_one_counts(accounts: Accounts) -> None:
    _, session = await accounts.register(ADA)
    good, failures = await outcomes(
        *(accounts.change_password(session, PASSWORD, new) for new in ("one new horse", "two new horses"))
    )
    assert (len(good), failures) == (1, {WrongPassword: 1})


@pytest.mark.parametrize("case", ["wrong", "suspended", "unknown"])
async def test_a_refused_password_changes_nothing(accounts: Accounts, case: str) -> None:
    _, session = await accounts.register(ADA)
    if case == "suspended":
        await accounts.set_status(ADA, case)
    if case == "unknown":
        await accounts.postgres.execute("DELETE FROM users")
    before, people = await accounts.counts(), await accounts.rows("users")
    with pytest.raises(WrongPassword) as error:
        await accounts.change_password(session, "wrong" if case == "wrong" else PASSWORD, "another horse")
    assert error.value.violations == [("oldPassword", "must be the present password")]
    assert (await accounts.counts(), await accounts.rows("users")) == (before, people)
    assert not accounts.refuses(session)


def changes_of_bio() -> Changes:
    return Changes(profile={"bio": "x"})
