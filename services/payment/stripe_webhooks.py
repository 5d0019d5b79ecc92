"""Webhooks of Stripe's: raw bytes in, what they tell out. First whether they are Stripe's, then what they say."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from services.payment import stripe_answers
from services.payment.domain import RefundStatus

SIGNATURE_TOLERANCE_SECONDS = 300
_LONGEST_ID = 255
_LONGEST_TIME = 20

Json = Mapping[str, Any]


class BadSignature(Exception):
    """What claims to be a webhook of Stripe's is not signed as one, or was signed too long ago."""

    def __init__(self) -> None:
        super().__init__("Stripe-Signature must be Stripe's for this very body, and not older than 300 s")


class Passed(StrEnum):
    """Why a webhook that is Stripe's is passed over."""

    UNPARSABLE = "unparsable"
    """It is not a JSON object."""
    OTHER_SHAPE = "other_shape"
    """It has not the fields of an event as we know them: another version of the API, a thin event."""
    CONNECTED_ACCOUNT = "connected_account"
    """It is about an account that is connected to ours."""
    OTHER_TYPE = "other_type"
    """It tells of something that we do not follow."""
    UNKNOWN_PAYMENT = "unknown_payment"
    """It is about a payment that is none of ours."""


class NotForUs(Exception):
    """A webhook of Stripe's that tells us nothing. Sent again, it would tell no more."""

    def __init__(self, why: Passed) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True)
class WebhookEvent:
    """What a webhook tells: that something happened, and to what. How that is now is asked, not read from here."""

    id: str
    type: str
    intent_id: str | None
    charge_id: str | None
    payment_id: UUID | None
    """From the metadata of the object that it is about."""
    refund_id: str | None = None
    refund_status: RefundStatus | None = None
    """Of the refund that it is about, if it is about one."""


def read_webhook(payload: bytes, signature: str, secret: SecretStr) -> WebhookEvent:
    """The event in a webhook's raw bytes, once its signature has been held against them.

    Raises:
        BadSignature: it is not signed with our secret, or more than 300 s ago.
        NotForUs: it is Stripe's, and not an event of our account as we know them.
    """
    if not is_signed(payload, signature, secret):
        raise BadSignature
    try:
        event = json.loads(payload)
    except (ValueError, RecursionError):
        raise NotForUs(Passed.UNPARSABLE) from None
    if not isinstance(event, dict):
        raise NotForUs(Passed.UNPARSABLE)
    if event.get("account") is not None:
        raise NotForUs(Passed.CONNECTED_ACCOUNT)
    return _event(event)


def is_signed(payload: bytes, signature: str, secret: SecretStr) -> bool:
    """Whether the bytes were signed with the secret, at most 300 s ago.

    Source: https://docs.stripe.com/webhooks#verify-manually. (Stripe's library decodes the bytes before it looks.)
    """
    fields = [field.partition("=")[::2] for field in signature.split(",")]
    times = [value for name, value in fields if name.strip() == "t"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit() and len(times[0]) <= _LONGEST_TIME):
        return False
    key = secret.get_secret_value().encode()
    expected = hmac.new(key, times[0].encode() + b"." + payload, hashlib.sha256).hexdigest().encode()
    signatures = [value.encode(errors="replace") for name, value in fields if name.strip() == "v1"]
    good = any(hmac.compare_digest(expected, one) for one in signatures)
    return good and int(times[0]) >= time.time() - SIGNATURE_TOLERANCE_SECONDS


def _event(event: Json) -> WebhookEvent:
    data = event.get("data")
    subject = data.get("object") if isinstance(data, dict) else None
    id_, type_ = _id(event.get("id")), event.get("type")
    if id_ is None or not isinstance(type_, str) or not isinstance(subject, dict):
        raise NotForUs(Passed.OTHER_SHAPE)
    kind, own_id = subject.get("object"), _id(subject.get("id"))
    is_refund = kind == "refund"
    return WebhookEvent(
        id=id_,
        type=type_,
        intent_id=own_id if kind == "payment_intent" else _id(subject.get("payment_intent")),
        charge_id=own_id if kind == "charge" else _id(subject.get("charge")),
        payment_id=_payment_id(subject),
        refund_id=own_id if is_refund else None,
        refund_status=stripe_answers.refund_status(subject.get("status")) if is_refund else None,
    )


def _payment_id(subject: Json) -> UUID | None:
    metadata = subject.get("metadata")
    return stripe_answers.payment_id_of(subject) if isinstance(metadata, dict) else None


def _id(value: object) -> str | None:
    """An id, or the one of an object that stands in its place (https://docs.stripe.com/api/expanding_objects)."""
    found = value.get("id") if isinstance(value, dict) else value
    good = isinstance(found, str) and found.isascii() and found.isprintable() and 0 < len(found) <= _LONGEST_ID
    return str(found) if good else None
