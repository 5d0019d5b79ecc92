"""What the tests of registering and signing in share."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from argosy.event.v1.user_events_pb2 import (
    EmailChangeRequested,
    EmailVerificationRequested,
    PasswordResetRequested,
    UserCreated,
)
from argosy.user.v1.user_pb2 import RegisterRequest, UserSummary
from services.chassis.bus.events import kind_of
from services.chassis.data.idempotency import fingerprint
from services.chassis.data.postgres import Postgres, Record
from services.chassis.plain.unit_of_work import Repeatable
from services.chassis.rpc.call import User as Caller
from services.chassis.rpc.revocations import Revocations
from services.user.adapters.passwords import BcryptPasswords
from services.user.domain.accounts import Changes, User
from services.user.domain.sessions import Client, Session
from services.user.entrypoints import mapping
from services.user.ports import Work
from services.user.use_cases.ask_for_reset import AskForReset, AskForResetHandler
from services.user.use_cases.ask_for_verification import AskForVerification, AskForVerificationHandler
from services.user.use_cases.change_password import ChangePassword, ChangePasswordHandler
from services.user.use_cases.change_user import ChangeUser, ChangeUserHandler
from services.user.use_cases.delete_user import DeleteUser, DeleteUserHandler
from services.user.use_cases.end_session import EndSession, EndSessionHandler
from services.user.use_cases.grant_resets import GrantResetsHandler
from services.user.use_cases.log_in import LogIn, LogInHandler
from services.user.use_cases.mint_mail_token import MintMailToken, MintMailTokenHandler
from services.user.use_cases.register import Register, RegisterHandler
from services.user.use_cases.reset_password import ResetPassword, ResetPasswordHandler
from services.user.use_cases.undo_email_change import UndoEmailChange, UndoEmailChangeHandler
from services.user.use_cases.verify_email import VerifyEmail, VerifyEmailHandler

CLIENT = Client("web-app", ip_address("203.0.113.7"), "Argosy/1.0")
PASSWORD = "correct horse"
SECRET = "a secret of the test's own"
TABLES = ("users", "user_profiles", "user_sessions", "mail_requests", "outbox", "idempotency_keys")


@dataclass(frozen=True)
class Mailed:
    """The use cases around tokens that are mailed."""

    asking_for_reset: AskForResetHandler
    granting: GrantResetsHandler
    minting: MintMailTokenHandler
    resetting: ResetPasswordHandler
    asking_for_verification: AskForVerificationHandler
    verifying: VerifyEmailHandler
    undoing: UndoEmailChangeHandler


@dataclass
class Accounts:
    """The use cases, and what is in their database."""

    postgres: Postgres
    work: Work
    registering: RegisterHandler
    logging_in: LogInHandler
    ending_sessions: EndSessionHandler
    changing: ChangeUserHandler
    deleting: DeleteUserHandler
    changing_password: ChangePasswordHandler
    mailed: Mailed
    revocations: Revocations
    hashed: list[str] = field(default_factory=list)
    """Every address for which a password was hashed or compared."""

    async def register(
        self, email: str, password: str = PASSWORD, *, key: str | None = None, first_name: str = "Ada"
    ) -> tuple[UserSummary, Session]:
        request = RegisterRequest(email=email, password=password, first_name=first_name, last_name="Tour")
        repeatable = Repeatable(key, fingerprint(SECRET, request))
        account, session = await self.registering(Register(email, password, first_name, "Tour", CLIENT, repeatable))
        return mapping.summary(account), session

    async def log_in(
        self, email: str, password: str = PASSWORD, client: Client = CLIENT, device_token: str = ""
    ) -> Session:
        _, session = await self.logging_in(LogIn(email, password, client, device_token))
        return session

    async def end_session(self, session: Session, *, by: UUID | None = None) -> None:
        await self.ending_sessions(EndSession(by or session.account_id, session.id))

    async def change(self, account_id: str, **changes: Any) -> User:
        owner = UUID(account_id)
        command = ChangeUser(owner, False, owner, CLIENT.ip_address, owner, Changes(**changes), PASSWORD)
        return await self.changing(command)

    async def move(self, account_id: str, email: str) -> tuple[str, str]:
        """Requests another address. The tokens that verify and that undo it."""
        await self.change(account_id, email=email)
        undo = EmailChangeRequested.FromString((await self.last("EMAIL_CHANGE_REQUESTED"))["value"])
        verify = await self.mint(await self.verification_id(EmailVerificationRequested))
        return verify, await self.mint(undo.undo_id)

    async def delete(self, account_id: str) -> User:
        owner = UUID(account_id)
        return await self.deleting(DeleteUser(owner, False, owner))

    async def change_password(self, session: Session, old: str, new: str) -> None:
        await self.changing_password(ChangePassword(session.account_id, session.id, old, new))

    async def ask_for_reset(self, email: str, *, client: str = "203.0.113.7") -> None:
        await self.mailed.asking_for_reset(AskForReset(email, ip_address(client)))

    async def grant_resets(self) -> None:
        while await self.mailed.granting():
            pass

    async def ask_for_verification(self, account_id: str) -> None:
        await self.mailed.asking_for_verification(AskForVerification(UUID(account_id), CLIENT.ip_address))

    async def reset_password(self, token: str, new_password: str) -> None:
        await self.mailed.resetting(ResetPassword(token, new_password, CLIENT.ip_address))

    async def verify_email(self, token: str) -> None:
        await self.mailed.verifying(VerifyEmail(token))

    async def undo(self, token: str) -> None:
        await self.mailed.undoing(UndoEmailChange(token))

    async def mint(self, request_id: str) -> str:
        """The token that a mail about that request would carry."""
        return (await self.mailed.minting(MintMailToken(UUID(request_id)))).token

    async def reset_id(self, email: str) -> str:
        """The request that comes of asking for a reset."""
        await self.ask_for_reset(email)
        await self.grant_resets()
        return PasswordResetRequested.FromString((await self.last("PASSWORD_RESET_REQUESTED"))["value"]).reset_id

    async def verification_id(self, of: Any = UserCreated) -> str:
        """The id of the request in the latest event of that class."""
        event = of.FromString((await self.last(kind_of(of).type))["value"])
        return str(event.verification_id)

    async def last(self, type_: str) -> Record:
        rows = await self.rows("outbox", type=type_)
        return max(rows, key=lambda row: row["position"])

    def refuses(self, session: Session) -> bool:
        """Whether this replica takes the session's token no more."""
        return self.revocations.ended(Caller(str(session.account_id), frozenset(), str(session.id), session.client.app))

    async def row(self, table: str, **where: object) -> Record:
        [row] = await self.rows(table, **where)
        return row

    async def rows(self, table: str, **where: object) -> Sequence[Record]:
        conditions = " AND ".join(f"{name} = ${position}" for position, name in enumerate(where, 1)) or "true"
        return await self.postgres.fetch(f"SELECT * FROM {table} WHERE {conditions}", *where.values())

    async def counts(self) -> dict[str, int]:
        return {table: await self.postgres.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES}

    async def events(self, account_id: UUID | str) -> list[str]:
        rows = await self.rows("outbox", key=str(account_id))
        return [row["type"] for row in sorted(rows, key=lambda row: row["position"])]

    async def set_status(self, email: str, status: str) -> None:
        await self.postgres.execute("UPDATE users SET account_status = $2 WHERE email = $1", email, status)


class Watched(BcryptPasswords):
    """Passwords that record what they were asked for."""

    def __init__(self, asked: list[str]) -> None:
        super().__init__(threads=2, queue=200)
        self.asked = asked

    async def hash(self, name: str, password: str) -> bytes:
        self.asked.append(name)
        return await super().hash(name, password)

    async def matches(self, name: str, password: str, password_hash: bytes | None) -> bool:
        self.asked.append(name)
        return await super().matches(name, password, password_hash)


async def outcomes(*calls: Any) -> tuple[list[Any], Counter[type[Exception]]]:
    """What many calls at once answered, and what the others raised."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    good = [result for result in results if not isinstance(result, BaseException)]
    return good, Counter(type(result) for result in results if isinstance(result, Exception))
