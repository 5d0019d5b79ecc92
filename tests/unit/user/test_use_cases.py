"""The user service's use cases with its ports in memory. The adapters are held by tests/integration/user."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog

from services.chassis.plain.errors import IdempotencyMismatch, InvalidArgument
from services.chassis.plain.unit_of_work import Repeatable
from services.user.domain import facts
from services.user.domain.accounts import (
    AccountDeleted,
    AccountStatus,
    Changes,
    EmailTaken,
    NoSuchUser,
    OwnAccount,
    User,
)
from services.user.domain.limits import (
    FAILURES_FOR_A_CLIENT,
    FAILURES_FOR_AN_ACCOUNT,
    FAILURES_FROM_A_KNOWN_CLIENT,
    FAILURES_IN_A_SESSION,
    MAILS_FOR_A_CLIENT,
    MAILS_TO_AN_ACCOUNT,
)
from services.user.domain.mail_requests import MailTokenNotGood
from services.user.domain.people import InvalidPerson, Person
from services.user.domain.sessions import Client, NoSuchSession, Session
from services.user.domain.signing_keys import KEY_MARGIN, BadKeys, Standing
from services.user.ports import TooManySignIns
from services.user.use_cases.ask_for_reset import AskForReset, AskForResetHandler
from services.user.use_cases.ask_for_verification import (
    AskForVerification,
    AskForVerificationHandler,
    EmailVerified,
)
from services.user.use_cases.change_password import ChangePassword, ChangePasswordHandler, WrongPassword
from services.user.use_cases.change_staff import ChangeStaff, ChangeStaffHandler, StaffChange
from services.user.use_cases.change_user import ChangeUser, ChangeUserHandler
from services.user.use_cases.count_mail import TooManyMails
from services.user.use_cases.delete_user import DeleteUser, DeleteUserHandler
from services.user.use_cases.end_session import EndSession, EndSessionHandler
from services.user.use_cases.get_user import GetUser, GetUserHandler
from services.user.use_cases.grant_resets import GrantResetsHandler
from services.user.use_cases.guesses import Guesses, TooManyFailures
from services.user.use_cases.list_keys import ListKeys, ListKeysHandler
from services.user.use_cases.list_sessions import ListSessions, ListSessionsHandler
from services.user.use_cases.log_in import AccountSuspended, LogIn, LogInHandler, SignInRefused
from services.user.use_cases.mint_mail_token import (
    MailRequestVoid,
    MintMailToken,
    MintMailTokenHandler,
    NoSuchMailRequest,
)
from services.user.use_cases.register import Register, RegisterHandler
from services.user.use_cases.reset_password import ResetPassword, ResetPasswordHandler
from services.user.use_cases.retire_key import KeyStillNeeded, NoSuchKey, RetireKey, RetireKeyHandler
from services.user.use_cases.rotate_keys import RotateKeys, RotateKeysHandler
from services.user.use_cases.search_users import SearchUsers, SearchUsersHandler
from services.user.use_cases.suspend_user import SuspendUser, SuspendUserHandler
from services.user.use_cases.undo_email_change import UndoEmailChange, UndoEmailChangeHandler
from services.user.use_cases.verify_email import VerifyEmail, VerifyEmailHandler
from tests.unit.chassis.fakes import FakeWork
from tests.unit.user.fakes import (
    NOW,
    FakeDeviceTokens,
    FakeKeyStore,
    FakePasswords,
    FakeRevocations,
    FakeSessionOpener,
    FakeUser,
)

ADA, BOB = "Ada@example.com", "bob@example.com"
HORSE, OTHER_HORSE = "correct horse", "another horse"
CLIENT = Client("web-app", ip_address("203.0.113.7"), "Argosy/1.0")
STRANGER = replace(CLIENT, ip_address=ip_address("198.51.100.9"))
SETTLE = timedelta(minutes=15)


class Desk:
    """All use cases on one store in memory."""

    def __init__(self) -> None:
        self.unit = FakeUser()
        self.passwords = passwords = FakePasswords()
        self.revoked = revoked = FakeRevocations()
        work, sessions = FakeWork(self.unit), FakeSessionOpener()
        self._register = RegisterHandler(work, passwords, sessions)
        guesses = Guesses(work, passwords)
        self.devices = FakeDeviceTokens()
        self._log_in = LogInHandler(work, guesses, sessions, self.devices)
        self.get = GetUserHandler(work)
        self._change = ChangeUserHandler(work, guesses)
        self.delete = DeleteUserHandler(work, revoked)
        self.change_password = ChangePasswordHandler(work, passwords, guesses, revoked)
        self.end_session = EndSessionHandler(work, revoked)
        self.list_sessions = ListSessionsHandler(work)
        self._ask_for_reset = AskForResetHandler(work)
        self.grant_resets = GrantResetsHandler(work)
        self._mint = MintMailTokenHandler(work)
        self.reset_password = ResetPasswordHandler(work, passwords, revoked)
        self._ask_for_verification = AskForVerificationHandler(work)
        self._verify_email = VerifyEmailHandler(work)
        self._undo = UndoEmailChangeHandler(work, passwords, revoked)
        self.session_id = uuid4()
        self.search = SearchUsersHandler(work)
        self._suspend = SuspendUserHandler(work, revoked)
        self._change_staff = ChangeStaffHandler(work)

    async def register(
        self,
        email: str = ADA,
        password: str = HORSE,
        *,
        key: str | None = None,
        content: bytes = b"",
        name: str = "Ada",
    ) -> Session:
        """The first session of a new account; a repeat's session with the same key."""
        _, session = await self._register(Register(email, password, name, "Tour", CLIENT, Repeatable(key, content)))
        return session

    async def log_in(
        self, email: str = ADA, password: str = HORSE, client: Client = CLIENT, device_token: str = ""
    ) -> Session:
        _, session = await self._log_in(LogIn(email, password, client, device_token))
        return session

    async def change(
        self, account_id: UUID, *, by: UUID | None = None, staff: bool = False, password: str = HORSE, **changes: Any
    ) -> User:
        caller, session_id = by or account_id, self.session_id
        command = ChangeUser(caller, staff, session_id, CLIENT.ip_address, account_id, Changes(**changes), password)
        return await self._change(command)

    async def move(self, account_id: UUID, email: str) -> tuple[str, str]:
        """Requests another address. The tokens that verify and that undo it."""
        await self.change(account_id, email=email)
        verify, undo = self.unit.published[-2:]
        assert isinstance(verify, facts.EmailVerificationRequested)
        assert isinstance(undo, facts.EmailChangeRequested)
        return await self.mint(verify.verification_id), await self.mint(undo.undo_id)

    async def undo(self, token: str) -> None:
        await self._undo(UndoEmailChange(token))

    async def suspend(self, account_id: UUID, *, suspend: bool = True, by: UUID | None = None) -> User:
        return await self._suspend(SuspendUser(by or uuid4(), account_id, suspend))

    async def staff(self, staff: bool, email: str = ADA) -> StaffChange:
        return await self._change_staff(ChangeStaff(email, staff, "eve"))

    async def reset_id(self, email: str = ADA) -> UUID:
        """The request that comes of a reset that is requested and granted."""
        await self._ask_for_reset(AskForReset(email, CLIENT.ip_address))
        assert await self.grant_resets()
        fact = self.unit.published[-1]
        assert isinstance(fact, facts.PasswordResetRequested)
        return fact.reset_id

    async def ask_for_reset(self, email: str, client: str | None = None) -> None:
        await self._ask_for_reset(AskForReset(email, ip_address(client) if client else None))

    async def ask_for_verification(self, account_id: UUID) -> UUID:
        await self._ask_for_verification(AskForVerification(account_id, None))
        fact = self.unit.published[-1]
        assert isinstance(fact, facts.EmailVerificationRequested)
        return fact.verification_id

    async def mint(self, request_id: UUID) -> str:
        return (await self._mint(MintMailToken(request_id))).token

    async def verify(self, token: str) -> None:
        await self._verify_email(VerifyEmail(token))

    def user(self, account_id: UUID) -> User:
        return self.unit.accounts.rows[account_id].user

    def verification_id(self) -> UUID:
        """The request of the mail that greets the first account."""
        fact = self.unit.published[0]
        assert isinstance(fact, facts.UserCreated)
        return fact.verification_id


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def _unused(*_: object) -> None:
    raise AssertionError("the store was read")


class TestRegistering:
    async def test_makes_an_account_with_a_session_and_publishes(self, desk: Desk) -> None:
        session = await desk.register(name=" Ada ")
        user = desk.user(session.account_id)
        assert (user.person.email, user.person.first_name, user.status) == (ADA, "Ada", AccountStatus.ACTIVE)
        assert desk.unit.sessions.open(user.id) == [session.id]
        assert desk.unit.published == [facts.UserCreated(user.id, user.person, desk.verification_id())]
        assert desk.verification_id() in desk.unit.mail_requests.rows

    async def test_a_taken_address_costs_no_hash(self, desk: Desk) -> None:
        await desk.register()
        with pytest.raises(EmailTaken):
            await desk.register(ADA.upper())
        assert desk.passwords.calls == ["ada@example.com"]

    async def test_a_full_queue_of_hashes_refuses_before_anything_is_read(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await desk.register()
        desk.passwords.full = True
        monkeypatch.setattr(type(desk.unit.accounts), "credentials_by_address", _unused)
        for refused in (desk.register(BOB), desk.log_in()):
            with pytest.raises(TooManySignIns):
                await refused

    async def test_a_bad_name_costs_no_hash(self, desk: Desk) -> None:
        with pytest.raises(InvalidPerson):
            await desk.register(name="\n")
        assert (desk.passwords.calls, desk.unit.published) == ([], [])

    async def test_a_repeat_gets_the_same_account_and_a_new_session(self, desk: Desk) -> None:
        first = await desk.register(key="k")
        again = await desk.register(key="k")
        assert (again.account_id, again.id != first.id) == (first.account_id, True)
        assert set(desk.unit.sessions.open(first.account_id)) == {first.id, again.id}
        assert len(desk.unit.published) == 1

    async def test_a_repeat_after_a_grant_has_the_role(self, desk: Desk) -> None:
        await desk.register(key="k")
        await desk.staff(True)
        assert (await desk.register(key="k")).token.endswith("staff")

    async def test_a_repeat_with_other_content_or_another_password_is_refused(self, desk: Desk) -> None:
        await desk.register(key="k")
        with pytest.raises(IdempotencyMismatch):
            await desk.register(key="k", content=b"other")
        with pytest.raises(EmailTaken):
            await desk.register(key="k", password=OTHER_HORSE)

    async def test_a_key_is_free_again_with_its_deleted_account(self, desk: Desk) -> None:
        seen = set()
        for _ in range(3):
            session = await desk.register(key="k")
            assert (await desk.register(key="k")).account_id == session.account_id
            await desk.delete(DeleteUser(session.account_id, False, session.account_id))
            seen.add(session.account_id)
        assert len(seen) == 3

    async def test_a_repeat_of_an_account_that_changed_or_is_gone_is_refused(self, desk: Desk) -> None:
        session = await desk.register(key="k")
        desk.unit.accounts.changed_meanwhile = True
        with pytest.raises(EmailTaken):
            await desk.register(key="k")
        del desk.unit.accounts.rows[session.account_id]
        with pytest.raises(EmailTaken):
            await desk.register(key="k")


class TestSigningIn:
    async def test_opens_a_session_and_publishes(self, desk: Desk) -> None:
        account_id = (await desk.register()).account_id
        session = await desk.log_in(" ADA@example.com")
        assert session.id in desk.unit.sessions.open(account_id)
        assert desk.user(account_id).last_login == NOW
        assert desk.unit.published[-1] == facts.UserLoggedIn(account_id, session.id, "web-app")

    @pytest.mark.parametrize(("email", "password"), [(BOB, HORSE), (ADA, OTHER_HORSE)])
    async def test_an_unknown_address_and_a_wrong_password_are_refused_alike(
        self, desk: Desk, email: str, password: str
    ) -> None:
        await desk.register()
        desk.passwords.calls.clear()
        with pytest.raises(SignInRefused):
            await desk.log_in(email, password, STRANGER)
        assert len(desk.passwords.calls) == 1
        assert desk.unit.sign_in_failures.counts == {email.lower(): 1, "198.51.100.9": 1}

    async def test_only_the_right_password_learns_of_a_suspension(self, desk: Desk) -> None:
        await desk.suspend((await desk.register()).account_id)
        with pytest.raises(AccountSuspended):
            await desk.log_in()
        with pytest.raises(SignInRefused):
            await desk.log_in(password=OTHER_HORSE)

    async def test_a_change_while_the_password_is_compared_counts(self, desk: Desk) -> None:
        await desk.register()
        desk.unit.accounts.changed_meanwhile = True
        with pytest.raises(SignInRefused):
            await desk.log_in()

    async def fail(self, desk: Desk, times: int, client: Client = STRANGER, **changes: Any) -> None:
        for _ in range(times):
            with pytest.raises(SignInRefused):
                await desk.log_in(password=OTHER_HORSE, client=client, **changes)

    async def test_after_five_failures_a_stranger_waits_even_with_the_right_password(self, desk: Desk) -> None:
        await desk.register()
        await self.fail(desk, FAILURES_FOR_AN_ACCOUNT)
        desk.passwords.calls.clear()
        with pytest.raises(TooManyFailures) as refused:
            await desk.log_in(client=STRANGER)
        assert (refused.value.retry_after, desk.passwords.calls) == (timedelta(seconds=1), [])

    async def test_strangers_do_not_hold_up_an_address_that_signed_in_before(self, desk: Desk) -> None:
        await desk.register()
        await self.fail(desk, FAILURES_FOR_AN_ACCOUNT)
        await desk.log_in()
        await self.fail(desk, FAILURES_FROM_A_KNOWN_CLIENT, CLIENT)
        with pytest.raises(TooManyFailures):
            await desk.log_in()

    async def test_nothing_at_ones_address_holds_up_a_device_that_signed_in_before(self, desk: Desk) -> None:
        token = desk.devices.new((await desk.register()).account_id)
        await self.fail(desk, FAILURES_FROM_A_KNOWN_CLIENT, CLIENT)
        await desk.log_in(device_token=token)
        with pytest.raises(TooManyFailures):
            await desk.log_in(device_token=desk.devices.new(uuid4()))
        await self.fail(desk, FAILURES_FROM_A_KNOWN_CLIENT, device_token=token)
        with pytest.raises(TooManyFailures):
            await desk.log_in(device_token=token)

    async def test_guesses_at_once_are_counted_before_they_are_compared(self, desk: Desk) -> None:
        await desk.register()
        desk.passwords.calls.clear()
        guesses = [desk.log_in(password=f"horse {number}", client=STRANGER) for number in range(30)]
        refusals = await asyncio.gather(*guesses, return_exceptions=True)
        assert len(desk.passwords.calls) == FAILURES_FOR_AN_ACCOUNT
        assert Counter(map(type, refusals)) == {
            SignInRefused: FAILURES_FOR_AN_ACCOUNT,
            TooManyFailures: 30 - FAILURES_FOR_AN_ACCOUNT,
        }

    async def test_the_same_password_at_once_is_one_guess(self, desk: Desk) -> None:
        await desk.register()
        sessions = await asyncio.gather(*(desk.log_in(client=STRANGER) for _ in range(30)))
        assert len({session.id for session in sessions}) == 30

    async def test_a_password_that_was_not_compared_does_not_count(self, desk: Desk) -> None:
        await desk.register()
        desk.passwords.full = True
        for _ in range(FAILURES_FOR_AN_ACCOUNT):
            with pytest.raises(TooManySignIns):
                await desk.log_in(client=STRANGER)
        desk.passwords.full = False
        await desk.log_in(client=STRANGER)

    async def test_a_client_address_has_a_limit_of_its_own(self, desk: Desk) -> None:
        await desk.register()
        for number in range(FAILURES_FOR_A_CLIENT):
            with pytest.raises(SignInRefused):
                await desk.log_in(f"{number}@example.com")
        with pytest.raises(TooManyFailures):
            await desk.log_in()
        await desk.log_in(client=replace(CLIENT, ip_address=None))

    async def test_the_right_password_forgets_the_accounts_failures_alone(self, desk: Desk) -> None:
        await desk.register()
        await self.fail(desk, 1)
        await desk.log_in(client=STRANGER)
        assert desk.unit.sign_in_failures.counts == {"198.51.100.9": 1}


class TestSessions:
    async def test_one_ends_once(self, desk: Desk) -> None:
        session = await desk.register()
        for _ in range(2):
            await desk.end_session(EndSession(session.account_id, session.id))
        assert desk.unit.published[1:] == [facts.SessionRevoked(session.account_id, session.id)]
        assert set(desk.revoked.sessions) == {session.id}

    async def test_another_persons_does_not_exist(self, desk: Desk) -> None:
        session, bobs = await desk.register(), await desk.register(BOB)
        with pytest.raises(NoSuchSession):
            await desk.end_session(EndSession(bobs.account_id, session.id))
        assert (desk.unit.sessions.ended, desk.revoked.sessions) == (set(), [])

    async def test_they_are_listed_a_page_at_a_time(self, desk: Desk) -> None:
        opened = [await desk.register(), *[await desk.log_in() for _ in range(2)]]
        account_id = opened[0].account_id
        first, place = await desk.list_sessions(ListSessions(account_id, None, 2))
        second, end = await desk.list_sessions(ListSessions(account_id, place, 2))
        assert [each.id for each in (*first, *second)] == [each.id for each in reversed(opened)]
        assert (place, end) == (opened[1].id, None)


class TestSearching:
    async def test_by_address_by_its_first_letters_and_the_newest(self, desk: Desk) -> None:
        emails = [ADA, "ada.b@example.com", BOB, "adam@example.com"]
        ids = {email: (await desk.register(email)).account_id for email in emails}
        newest_first = [ids[email] for email in emails[::-1]]

        async def found(email: str = "", prefix: str = "", size: int = 20) -> list[UUID]:
            pages: list[UUID] = []
            after = None
            while True:
                page, after = await desk.search(SearchUsers(uuid4(), email, prefix, after, size))
                pages += [account.id for account in page]
                if after is None:
                    return pages

        assert await found(" aDA@EXAMPLE.com ") == [ids[ADA]]
        assert await found("ada@example") == []
        for size in (1, 2, 20):
            assert await found(size=size) == newest_first
            ordered = [ids["ada.b@example.com"], ids[ADA], ids["adam@example.com"]]
            assert await found(prefix="ADA", size=size) == ordered

    async def test_an_address_and_first_letters_are_refused(self, desk: Desk) -> None:
        with pytest.raises(InvalidArgument) as refusal:
            await desk.search(SearchUsers(uuid4(), ADA, "ada", None, 20))
        assert [violation.field for violation in refusal.value.violations] == ["emailPrefix"]

    async def test_the_audit_log_has_no_address(self, desk: Desk) -> None:
        await desk.register()
        staff_id = uuid4()
        with structlog.testing.capture_logs() as lines:
            await desk.search(SearchUsers(staff_id, ADA, "", None, 20))
        expected = {"event": "users_searched", "audit": True, "by": str(staff_id), "found": 1, "log_level": "info"}
        assert lines == [expected]


class TestAccounts:
    async def test_owner_and_staff_read_an_account(self, desk: Desk) -> None:
        ada, bob = (await desk.register()).account_id, (await desk.register(BOB)).account_id
        assert (await desk.get(GetUser(ada, False, ada))).person.email == ADA
        assert (await desk.get(GetUser(bob, True, ada))).person.email == ADA
        for reader, staff, account in ((bob, False, ada), (bob, True, uuid4())):
            with pytest.raises(NoSuchUser):
                await desk.get(GetUser(reader, staff, account))

    async def test_a_change_is_published_and_no_change_is_not(self, desk: Desk) -> None:
        account_id = (await desk.register()).account_id
        user = await desk.change(account_id, first_name="Augusta")
        assert user == desk.user(account_id)
        assert desk.unit.published[1:] == [facts.UserUpdated(account_id, user.person, None, email_verified=False)]
        assert await desk.change(account_id, first_name="Augusta") == user
        assert len(desk.unit.published) == 2

    async def test_what_cannot_be_changed_stays(self, desk: Desk) -> None:
        ada, bob = (await desk.register()).account_id, (await desk.register(BOB)).account_id
        with pytest.raises(EmailTaken):
            await desk.change(ada, email=BOB)
        with pytest.raises(NoSuchUser):
            await desk.change(ada, by=bob, first_name="Eve")
        with pytest.raises(NoSuchUser):
            await desk.change(uuid4(), first_name="Eve")
        await desk.delete(DeleteUser(ada, False, ada))
        with pytest.raises(AccountDeleted):
            await desk.change(ada, first_name="Eve")
        assert desk.user(ada).person.first_name == "Ada"

    async def test_deleting_ends_sessions_once(self, desk: Desk) -> None:
        session = await desk.register()
        account_id = session.account_id
        for _ in range(2):
            user = await desk.delete(DeleteUser(account_id, False, account_id))
            assert user.status is AccountStatus.DELETED
        assert desk.unit.sessions.open(account_id) == []
        assert desk.unit.published[1:] == [facts.UserDeleted(account_id)]
        assert set(desk.revoked.people) == {account_id}
        assert (await desk.register()).account_id != account_id

    async def test_nobody_deletes_another_persons_account(self, desk: Desk) -> None:
        account_id = (await desk.register()).account_id
        for caller, staff, account in ((uuid4(), False, account_id), (uuid4(), True, uuid4())):
            with pytest.raises(NoSuchUser):
                await desk.delete(DeleteUser(caller, staff, account))
        assert desk.user(account_id).status is AccountStatus.ACTIVE

    async def test_another_password_ends_all_other_sessions(self, desk: Desk) -> None:
        first = await desk.register()
        second = await desk.log_in()
        await desk.change_password(ChangePassword(first.account_id, second.id, HORSE, OTHER_HORSE))
        assert desk.unit.sessions.open(first.account_id) == [second.id]
        assert desk.unit.published[-1] == facts.SessionRevoked(first.account_id, first.id)
        assert desk.revoked.sessions == [first.id]
        await desk.log_in(password=OTHER_HORSE)

    async def test_the_old_password_must_be_right_until_the_end(self, desk: Desk) -> None:
        session = await desk.register()
        wrong = ChangePassword(session.account_id, session.id, OTHER_HORSE, OTHER_HORSE)
        with pytest.raises(WrongPassword):
            await desk.change_password(wrong)
        with pytest.raises(WrongPassword):
            await desk.change_password(replace(wrong, account_id=uuid4()))
        desk.unit.accounts.changed_meanwhile = True
        with pytest.raises(WrongPassword):
            await desk.change_password(replace(wrong, old_password=HORSE))
        desk.unit.accounts.changed_meanwhile = False
        await desk.log_in()

    async def test_old_passwords_that_are_wrong_have_a_limit_for_each_session(self, desk: Desk) -> None:
        session = await desk.register()
        change = ChangePassword(session.account_id, session.id, OTHER_HORSE, OTHER_HORSE)
        desk.passwords.calls.clear()
        guesses = [desk.change_password(replace(change, old_password=f"horse {number}")) for number in range(30)]
        refusals = await asyncio.gather(*guesses, return_exceptions=True)
        assert Counter(map(type, refusals)) == {
            WrongPassword: FAILURES_IN_A_SESSION,
            TooManyFailures: 30 - FAILURES_IN_A_SESSION,
        }
        with pytest.raises(TooManyFailures):
            await desk.change_password(replace(change, old_password=HORSE))
        other = await desk.log_in()  # who has stolen one token does not hold up the owner
        await desk.change_password(replace(change, session_id=other.id, old_password=HORSE))


class TestAddresses:
    async def test_a_new_address_takes_over_when_it_is_verified(self, desk: Desk) -> None:
        account_id = (await desk.register()).account_id
        reset = await desk.mint(await desk.reset_id())
        welcome = await desk.mint(desk.verification_id())
        desk.unit.published.clear()
        verify, _ = await desk.move(account_id, BOB)
        user = desk.user(account_id)
        assert (user.person.email, user.pending_email, len(desk.unit.published)) == (ADA, BOB, 2)
        with pytest.raises(MailTokenNotGood):
            await desk.verify(welcome)
        await desk.verify(verify)
        user = desk.user(account_id)
        assert (user.person.email, user.pending_email, user.email_verified) == (BOB, None, True)
        assert desk.unit.published[-1] == facts.UserUpdated(account_id, user.person, None, email_verified=True)
        with pytest.raises(MailTokenNotGood):  # it was mailed to the old address
            await desk.reset_password(ResetPassword(reset, OTHER_HORSE, CLIENT.ip_address))

    @pytest.mark.parametrize("password", ["", OTHER_HORSE])
    async def test_another_address_needs_the_password(self, desk: Desk, password: str) -> None:
        account_id = (await desk.register()).account_id
        with pytest.raises(WrongPassword, match="currentPassword"):
            await desk.change(account_id, password=password, email=BOB)
        await desk.change(account_id, password="", email=ADA.upper(), first_name="Augusta")
        assert desk.user(account_id).person == Person(ADA.upper(), "Augusta", "Tour")
        assert desk.user(account_id).pending_email is None

    async def test_wrong_passwords_have_a_limit_and_one_that_changes_meanwhile_is_wrong(self, desk: Desk) -> None:
        account_id = (await desk.register()).account_id
        for number in range(FAILURES_IN_A_SESSION):
            with pytest.raises(WrongPassword):
                await desk.change(account_id, password=f"horse {number}", email=BOB)
        with pytest.raises(TooManyFailures):
            await desk.change(account_id, email=BOB)

    async def test_mails_to_either_address_have_a_limit(self, desk: Desk) -> None:
        account_id = (await desk.register()).account_id
        for number in range(MAILS_TO_AN_ACCOUNT):
            await desk.change(account_id, email=f"{number}@example.com")
        with pytest.raises(TooManyMails):
            await desk.change(account_id, email=BOB)

    @pytest.mark.parametrize("done", [True, False])
    async def test_the_old_address_undoes_it_and_all_that_followed(self, desk: Desk, done: bool) -> None:
        session = await desk.register()
        account_id = session.account_id
        verify, undo = await desk.move(account_id, BOB)
        later_verify, later_undo = verify, undo
        if done:
            await desk.verify(verify)
            later_verify, later_undo = await desk.move(account_id, "eve@example.com")
            await desk.verify(later_verify)
            with pytest.raises(EmailTaken):  # it may come back
                await desk.register()
        await desk.undo(undo)
        user = desk.user(account_id)
        assert (user.person.email, user.email_verified, user.pending_email) == (ADA, True, None)
        assert desk.unit.sessions.open(account_id) == []
        assert desk.revoked.sessions == [session.id]
        with pytest.raises(SignInRefused):  # whoever changed the address knew the password
            await desk.log_in()
        for token in (undo, later_undo):
            with pytest.raises(MailTokenNotGood):
                await desk.undo(token)
        with pytest.raises(MailTokenNotGood):
            await desk.verify(later_verify)
        fact = desk.unit.published[-1]
        assert isinstance(fact, facts.PasswordResetRequested)
        await desk.reset_password(ResetPassword(await desk.mint(fact.reset_id), OTHER_HORSE, CLIENT.ip_address))
        await desk.log_in(password=OTHER_HORSE)

    async def test_nothing_is_undone_for_a_deleted_account(self, desk: Desk) -> None:
        account_id = (await desk.register()).account_id
        _, undo = await desk.move(account_id, BOB)
        await desk.delete(DeleteUser(account_id, False, account_id))
        with pytest.raises(MailTokenNotGood):
            await desk.undo(undo)

    @pytest.mark.parametrize("by", ["the address", "a password", "a reset", "another address"])
    async def test_a_change_that_waits_is_withdrawn(self, desk: Desk, by: str) -> None:
        session = await desk.register()
        account_id = session.account_id
        verify, _ = await desk.move(account_id, BOB)
        if by == "the address":
            await desk.change(account_id, password="", email=ADA)
        elif by == "a password":
            await desk.change_password(ChangePassword(account_id, session.id, HORSE, OTHER_HORSE))
        elif by == "a reset":
            await desk.reset_password(
                ResetPassword(await desk.mint(await desk.reset_id()), OTHER_HORSE, CLIENT.ip_address)
            )
        else:
            await desk.move(account_id, "eve@example.com")
        with pytest.raises(MailTokenNotGood):
            await desk.verify(verify)
        assert desk.user(account_id).person.email == ADA

    async def test_an_address_that_is_taken_meanwhile_does_not_take_over(self, desk: Desk) -> None:
        account_id = (await desk.register()).account_id
        verify, _ = await desk.move(account_id, BOB)
        await desk.register(BOB)
        with pytest.raises(EmailTaken):
            await desk.verify(verify)
        assert desk.user(account_id).person.email == ADA

    async def test_asking_again_mails_to_the_address_that_waits(self, desk: Desk) -> None:
        account_id = (await desk.register()).account_id
        await desk.verify(await desk.mint(desk.verification_id()))
        await desk.move(account_id, BOB)
        await desk.verify(await desk.mint(await desk.ask_for_verification(account_id)))
        assert desk.user(account_id).person.email == BOB

    async def test_staff_give_their_own_password_and_leave_a_trace(self, desk: Desk) -> None:
        ada, eve = (await desk.register()).account_id, (await desk.register("eve@example.com", OTHER_HORSE)).account_id
        with pytest.raises(WrongPassword):
            await desk.change(ada, by=eve, staff=True, password=HORSE, email=BOB)
        with structlog.testing.capture_logs() as logs:
            await desk.change(ada, by=eve, staff=True, password=OTHER_HORSE, email=BOB)
        assert [(log["event"], log["user_id"], log["by"], log["email_change"]) for log in logs if log.get("audit")] == [
            ("user_changed_by_staff", str(ada), str(eve), True)
        ]


class TestStaff:
    async def test_suspending_ends_sessions_and_reinstating_lets_in(self, desk: Desk) -> None:
        session = await desk.register()
        for _ in range(2):
            assert (await desk.suspend(session.account_id)).status is AccountStatus.SUSPENDED
        assert desk.unit.published[1:] == [facts.SessionRevoked(session.account_id, session.id)]
        assert desk.revoked.sessions == [session.id]
        await desk.suspend(session.account_id, suspend=False)
        await desk.log_in()

    async def test_nobody_suspends_themself_the_deleted_or_the_unknown(self, desk: Desk) -> None:
        account_id = (await desk.register()).account_id
        with pytest.raises(OwnAccount):
            await desk.suspend(account_id, by=account_id)
        with pytest.raises(NoSuchUser):
            await desk.suspend(uuid4())
        await desk.delete(DeleteUser(account_id, False, account_id))
        with pytest.raises(AccountDeleted):
            await desk.suspend(account_id)

    async def test_the_role_comes_with_the_next_session_and_goes_with_all(self, desk: Desk) -> None:
        first = await desk.register()
        assert await desk.staff(True, " ADA@EXAMPLE.COM") == StaffChange(first.account_id, True, 0)
        assert await desk.staff(True) == StaffChange(first.account_id, False, 0)
        assert (await desk.log_in()).token.endswith("staff")
        assert await desk.staff(False) == StaffChange(first.account_id, True, 2)
        assert not (await desk.log_in()).token.endswith("staff")
        with pytest.raises(NoSuchUser):
            await desk.staff(True, BOB)


class TestMailedTokens:
    async def test_a_reset_ends_all_sessions_pauses_and_verifications(self, desk: Desk) -> None:
        session = await desk.register()
        verification = await desk.mint(desk.verification_id())
        for client in (CLIENT, STRANGER):
            with pytest.raises(SignInRefused):
                await desk.log_in(password=OTHER_HORSE, client=client)
        token = await desk.mint(await desk.reset_id())
        await desk.reset_password(ResetPassword(token, OTHER_HORSE, CLIENT.ip_address))
        assert desk.unit.published[-1] == facts.SessionRevoked(session.account_id, session.id)
        assert desk.revoked.sessions == [session.id]
        assert desk.user(session.account_id).email_verified
        assert set(desk.unit.sign_in_failures.counts) == {str(each.ip_address) for each in (CLIENT, STRANGER)}
        with pytest.raises(MailTokenNotGood):
            await desk.verify(verification)
        with pytest.raises(MailTokenNotGood):
            await desk.reset_password(ResetPassword(token, HORSE, CLIENT.ip_address))
        await desk.log_in(password=OTHER_HORSE)

    async def test_a_bad_token_costs_no_hash(self, desk: Desk) -> None:
        await desk.register()
        desk.passwords.calls.clear()
        for token in ("x", await desk.mint(desk.verification_id())):
            with pytest.raises(MailTokenNotGood):
                await desk.reset_password(ResetPassword(token, OTHER_HORSE, CLIENT.ip_address))
        assert desk.passwords.calls == []

    async def test_a_suspended_accounts_token_is_not_good(self, desk: Desk) -> None:
        account_id = (await desk.register()).account_id
        reset_id = await desk.reset_id()
        token = await desk.mint(reset_id)
        await desk.suspend(account_id)
        with pytest.raises(MailTokenNotGood):
            await desk.reset_password(ResetPassword(token, OTHER_HORSE, CLIENT.ip_address))
        with pytest.raises(MailRequestVoid):
            await desk.mint(reset_id)

    async def test_only_active_accounts_get_a_reset(self, desk: Desk) -> None:
        await desk.suspend((await desk.register()).account_id)
        before = list(desk.unit.published)
        await desk.ask_for_reset(ADA)
        await desk.ask_for_reset(BOB)
        assert [await desk.grant_resets() for _ in range(3)] == [True, True, False]
        assert desk.unit.published == before

    async def test_mails_are_limited_whether_or_not_there_is_an_account(self, desk: Desk) -> None:
        for _ in range(MAILS_TO_AN_ACCOUNT):
            await desk.ask_for_reset(ADA)
        with pytest.raises(TooManyMails) as refused:
            await desk.ask_for_reset(ADA)
        assert refused.value.retry_after == timedelta(minutes=30)
        assert len(desk.unit.reset_wishes.addresses) == MAILS_TO_AN_ACCOUNT

    async def test_mails_are_limited_for_each_client(self, desk: Desk) -> None:
        for number in range(MAILS_FOR_A_CLIENT):
            await desk.ask_for_reset(f"{number}@example.com", "203.0.113.7")
        with pytest.raises(TooManyMails):
            await desk.ask_for_reset(ADA, "203.0.113.7")
        await desk.ask_for_reset(ADA, "203.0.113.8")

    async def test_a_newer_verification_voids_the_older(self, desk: Desk) -> None:
        account_id = (await desk.register()).account_id
        old = await desk.mint(desk.verification_id())
        new = await desk.mint(await desk.ask_for_verification(account_id))
        with pytest.raises(MailTokenNotGood):
            await desk.verify(old)
        await desk.verify(new)
        assert desk.user(account_id).email_verified
        with pytest.raises(EmailVerified):
            await desk.ask_for_verification(account_id)
        with pytest.raises(NoSuchUser):
            await desk.ask_for_verification(uuid4())

    async def test_a_deleted_accounts_address_is_not_verified(self, desk: Desk) -> None:
        account_id = (await desk.register()).account_id
        token = await desk.mint(desk.verification_id())
        await desk.delete(DeleteUser(account_id, False, account_id))
        with pytest.raises(MailTokenNotGood):
            await desk.verify(token)
        with pytest.raises(NoSuchUser):
            await desk.ask_for_verification(account_id)

    async def test_no_token_is_made_for_an_unknown_or_an_old_request(self, desk: Desk) -> None:
        await desk.register()
        with pytest.raises(NoSuchMailRequest):
            await desk.mint(uuid4())
        desk.unit.mail_requests.rows[desk.verification_id()].too_old = True
        with pytest.raises(MailRequestVoid):
            await desk.mint(desk.verification_id())


class TestKeys:
    def test_rotating_makes_one_key_that_waits(self) -> None:
        store = FakeKeyStore(timedelta(days=30))
        rotate = RotateKeysHandler(store, SETTLE)
        key, made = rotate(RotateKeys(NOW, "eve"))
        assert (made, key.standing) == (True, Standing.WAITING)
        assert rotate(RotateKeys(NOW, "eve")) == (key, False)
        assert [each.standing for each in ListKeysHandler(store, SETTLE)(ListKeys(NOW))] == ["signing", "waiting"]

    def test_a_key_is_retired_when_its_tokens_have_expired_and_not_before(self) -> None:
        age = timedelta(hours=24) + KEY_MARGIN + SETTLE
        store = FakeKeyStore(timedelta(days=30), age)
        retire = RetireKeyHandler(store, SETTLE)
        with pytest.raises(KeyStillNeeded) as needed:
            retire(RetireKey("key 0", NOW - timedelta(seconds=1), "eve"))
        assert needed.value.until == NOW
        retire(RetireKey("key 0", NOW, "eve"))
        with pytest.raises(NoSuchKey):
            retire(RetireKey("key 0", NOW, "eve"))
        with pytest.raises(KeyStillNeeded) as signing:
            retire(RetireKey("key 1", NOW, "eve"))
        assert signing.value.until is None

    def test_without_keys_nothing_is_done(self) -> None:
        store = FakeKeyStore()
        with pytest.raises(BadKeys):
            RotateKeysHandler(store, SETTLE)(RotateKeys(NOW, "eve"))
        assert store.keys == []
