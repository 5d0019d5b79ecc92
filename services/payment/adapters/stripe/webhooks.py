"""Stripe's webhooks → notices: first the signature over the raw bytes, then the content."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from services.payment.adapters.stripe import mapping, words
from services.payment.adapters.stripe.words import NAME
from services.payment.domain.notices import Notice

SIGNATURE_TOLERANCE_SECONDS = 300
_LONGEST_ID = 255
_LONGEST_TIME = 20

Json = Mapping[str, Any]


class BadSignature(Exception):
    """The signature is not Stripe's for these bytes, or too old."""

    def __init__(self) -> None:
        super().__init__("Stripe-Signature must be Stripe's for this very body, and not older than 300 s")


class Passed(StrEnum):
    """Why a webhook that Stripe signed is passed over."""

    UNPARSABLE = "unparsable"
    """It is not a JSON object."""
    OTHER_SHAPE = "other_shape"
    """It lacks the fields of an event: another version of the API, or a thin event."""
    CONNECTED_ACCOUNT = "connected_account"
    """It is about an account that is connected to ours."""
    OTHER_TYPE = "other_type"
    """Its type is not followed."""


class NotForUs(Exception):
    """A webhook of Stripe that has no effect here, however often it is sent."""

    def __init__(self, why: Passed) -> None:
        super().__init__(why.value)
        self.why = why


def read_webhook(payload: bytes, signature: str, secret: SecretStr) -> Notice:
    """The notice in a webhook's raw bytes.

    Raises:
        BadSignature: it is not signed with our secret, or more than 300 s ago.
        NotForUs: it is Stripe's, and not an event of our account that is followed.
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


def _event(event: Json) -> Notice:
    data = event.get("data")
    subject = data.get("object") if isinstance(data, dict) else None
    id_, type_ = _id(event.get("id")), event.get("type")
    if id_ is None or not isinstance(type_, str) or not isinstance(subject, dict):
        raise NotForUs(Passed.OTHER_SHAPE)
    topic = words.TOPICS.get(type_)
    if topic is None:
        raise NotForUs(Passed.OTHER_TYPE)
    kind, own_id = subject.get("object"), _id(subject.get("id"))
    is_refund = kind == "refund"
    return Notice(
        provider=NAME,
        id=id_,
        type=type_,
        topic=topic,
        charge_state=words.INTENT_EVENTS.get(type_),
        charge_reference=own_id if kind == "payment_intent" else _id(subject.get("payment_intent")),
        capture_reference=own_id if kind == "charge" else _id(subject.get("charge")),
        payment_id=_payment_id(subject),
        refund_reference=own_id if is_refund else None,
        refund_status=words.refund_status(subject.get("status")) if is_refund else None,
    )


def _payment_id(subject: Json) -> UUID | None:
    metadata = subject.get("metadata")
    return mapping.payment_id_of(subject) if isinstance(metadata, dict) else None


def _id(value: object) -> str | None:
    """An id, or the one of an object that stands in its place (https://docs.stripe.com/api/expanding_objects)."""
    found = value.get("id") if isinstance(value, dict) else value
    good = isinstance(found, str) and found.isascii() and found.isprintable() and 0 < len(found) <= _LONGEST_ID
    return str(found) if good else None
