"""Make the secret of one mail that is about to be sent, for the service that sends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.chassis.postgres import Connection, Postgres
from services.user import mail_requests, store
from services.user.domain import AccountStatus, Person


class NoSuchMailRequest(Exception):
    """There is no such request."""

    def __init__(self) -> None:
        super().__init__("there is no such request")


class MailRequestVoid(Exception):
    """No mail is to be sent about the request any more."""

    def __init__(self) -> None:
        super().__init__("the request was used, replaced or is too old: no mail is to be sent")


@dataclass(frozen=True)
class MailToken:
    """The only copy of a token, and whom it may be sent to."""

    token: str = field(repr=False)
    person: Person
    expires_at: datetime


@dataclass(frozen=True)
class MintMailTokenHandler:
    """Makes tokens, one a mail. A repeat makes another: a mail that was sent twice may be answered from either."""

    postgres: Postgres

    async def __call__(self, request_id: UUID) -> MailToken:
        """A token, good from now on. Raises NoSuchMailRequest and MailRequestVoid."""
        async with self.postgres.transaction("user.mint_mail_token") as connection:
            account_id = await mail_requests.account_of(connection, request_id)
            if account_id is None:
                raise NoSuchMailRequest
            return await self._mint(connection, account_id, request_id)

    @staticmethod
    async def _mint(connection: Connection, account_id: UUID, request_id: UUID) -> MailToken:
        status = await store.lock_account(connection, account_id)
        address_key = await mail_requests.address_of_open(connection, request_id)
        user = await store.user(connection, account_id)
        if user is None or status is not AccountStatus.ACTIVE or user.person.address_key != address_key:
            raise MailRequestVoid
        token, expires_at = await mail_requests.mint(connection, request_id)
        return MailToken(token, user.person, expires_at)
