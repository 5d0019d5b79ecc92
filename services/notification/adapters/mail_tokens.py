"""The tokens that mails about accounts carry, asked of the user service when the mail is sent, and kept nowhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import grpc

from argosy.user.v1 import mail_token_pb2
from argosy.user.v1.mail_token_pb2_grpc import MailTokenServiceStub
from services.chassis.client import passes
from services.notification.ports import MailNotAsked, MailNotSent, MailNotWanted

MAIL_TOKENS = mail_token_pb2.DESCRIPTOR.services_by_name["MailTokenService"]
"""The service that is called here."""

_NEVER = (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND)
_OURS = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
"""A refusal of this service, not of the message."""
_AWAY_PAUSE = timedelta(seconds=15)


@dataclass(frozen=True)
class MailToken:
    """A secret, and the only address that it may be sent to."""

    token: str = field(repr=False)
    email: str = field(repr=False)
    name: str = field(repr=False)


@dataclass(frozen=True)
class MailTokens:
    """The user service's answers."""

    stub: MailTokenServiceStub

    async def mint(self, request_id: UUID) -> MailToken:
        """A token for a mail that is about to be sent.

        Raises:
            MailNotWanted: there is none for this request any more.
            MailNotAsked: the user service is away, or does not take our word.
            MailNotSent: it refuses for another reason.
        """
        try:
            minted = await self.stub.MintMailToken(mail_token_pb2.MintMailTokenRequest(request_id=str(request_id)))
        except grpc.aio.AioRpcError as error:
            if error.code() in _NEVER:
                raise MailNotWanted("its token was used, replaced or is too old") from error
            told = f"no token: {error.code().name}"
            if error.code() in _OURS or passes(error):
                raise MailNotAsked(told, _AWAY_PAUSE) from error
            raise MailNotSent(told) from error
        return MailToken(minted.token, minted.email, minted.name)
