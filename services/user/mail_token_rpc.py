"""MailTokenService: proto ↔ command."""

from __future__ import annotations

from dataclasses import dataclass

from argosy.user.v1 import mail_token_pb2
from services.chassis import clock
from services.chassis.call import Call
from services.chassis.ids import parse_id
from services.user.use_cases.mint_mail_token import MintMailTokenHandler


@dataclass(frozen=True)
class MailTokenRpc:
    """What the notification service calls."""

    mint: MintMailTokenHandler

    async def MintMailToken(  # noqa: N802 - a handler bears its rpc's name
        self, request: mail_token_pb2.MintMailTokenRequest, call: Call
    ) -> mail_token_pb2.MailToken:
        """See the contract."""
        minted = await self.mint(parse_id(request.request_id))
        return mail_token_pb2.MailToken(
            token=minted.token,
            email=minted.person.email,
            name=minted.person.full_name,
            expires_at=clock.to_message(minted.expires_at),
        )
