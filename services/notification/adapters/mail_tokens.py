"""Requests the tokens of account mails from the user service when a mail is sent. They are stored nowhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import grpc

from argosy.user.v1 import mail_token_pb2
from argosy.user.v1.mail_token_pb2_grpc import MailTokenServiceStub
from services.chassis.rpc.client import passes
from services.notification.ports import MailNotAsked, MailNotSent, MailNotWanted

MAIL_TOKENS = mail_token_pb2.DESCRIPTOR.services_by_name["MailTokenService"]
"""The called service."""

_NEVER = (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND)
_OURS = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
"""Errors that concern this service, not the message."""
_AWAY_PAUSE = timedelta(seconds=15)


@dataclass(frozen=True)
class MailToken:
    """A secret, and the only address that it may be sent to."""

    token: str = field(repr=False)
    email: str = field(repr=False)
    name: str = field(repr=False)


@dataclass(frozen=True)
class MailTokens:
    """A client of the user service."""

    stub: MailTokenServiceStub

    async def mint(self, request_id: UUID) -> MailToken:
        """Request a token for a mail that is about to be sent.

        Raises:
            MailNotWanted: the request is no longer valid.
            MailNotAsked: the user service is unavailable, or rejects our service token.
            MailNotSent: it returns another error.
        """
        try:
            minted = await self.stub.MintMailToken(mail_token_pb2.MintMailTokenRequest(request_id=str(request_id)))
        except grpc.aio.AioRpcError as error:
            if error.code() in _NEVER:
                raise MailNotWanted("its token was used, replaced or is too old") from error
            problem = f"no token: {error.code().name}"
            if error.code() in _OURS or passes(error):
                raise MailNotAsked(problem, _AWAY_PAUSE) from error
            raise MailNotSent(problem) from error
        return MailToken(minted.token, minted.email, minted.name)
