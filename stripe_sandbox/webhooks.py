"""Webhook deliveries, pure: signature and retry delay."""

import hashlib
import hmac

_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 30.0


def signature(payload: bytes, secret: str, timestamp: int) -> str:
    """The value of the `Stripe-Signature` header (https://docs.stripe.com/webhooks#verify-manually)."""
    signed = str(timestamp).encode() + b"." + payload
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def retry_delay(attempts: int, chance: float) -> float:
    """Seconds until the next attempt, doubling up to a limit; `chance` in [0, 1) adds jitter.

    Stripe retries for days. A receiver on a laptop restarts within seconds, so these delays stay short.
    """
    longest = min(_LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2.0 ** min(attempts, 10))
    return longest * (0.5 + chance / 2)
