"""Device tokens: what they state is signed by a keyed hash, and stored nowhere."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from pydantic import SecretStr

from services.user.adapters.counts import hash_of
from services.user.domain.limits import DEVICES_KEPT


class SignedDeviceTokens:
    """Signs and checks device tokens (ports.DeviceTokens): `<device>.<expiry>.<signature>`."""

    def __init__(self, secret: SecretStr, clock: Callable[[], datetime]) -> None:
        """`secret` keys the signatures."""
        self._secret = secret
        self._clock = clock

    def new(self, account_id: UUID) -> str:
        """See ports.DeviceTokens.new."""
        stated = f"{secrets.token_urlsafe(12)}.{int((self._clock() + DEVICES_KEPT).timestamp())}"
        return f"{stated}.{self._signature(stated, account_id)}"

    def device(self, token: str, account_id: UUID) -> str | None:
        """See ports.DeviceTokens.device."""
        stated, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(stated, account_id).encode()):
            return None
        device, _, expires_at = stated.partition(".")
        return device if int(expires_at) > self._clock().timestamp() else None

    def _signature(self, stated: str, account_id: UUID) -> str:
        digest = hash_of(self._secret, "device token", str(account_id), stated)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
