"""The domain's words as the contract's messages."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from google.protobuf import json_format

from argosy.user.v1 import user_pb2
from services.chassis import clock
from services.user import domain
from services.user.domain import Account, InvalidProfile, Profile, User
from services.user.sessions import OpenSession


def summary(account: Account) -> user_pb2.UserSummary:
    """The account as registering and signing in answer it."""
    return user_pb2.UserSummary(
        id=str(account.id),
        email=account.person.email,
        first_name=account.person.first_name,
        last_name=account.person.last_name,
        created_at=clock.to_message(account.created_at),
    )


def user(account: User) -> user_pb2.User:
    """The account as its owner reads it."""
    return user_pb2.User(
        id=str(account.id),
        email=account.person.email,
        first_name=account.person.first_name,
        last_name=account.person.last_name,
        email_verified=account.email_verified,
        account_status=account.status,
        created_at=clock.to_message(account.created_at),
        updated_at=clock.to_message(account.updated_at),
        last_login=clock.to_message(account.last_login) if account.last_login else None,
        profile=_profile(account.profile),
    )


def session(opened: OpenSession, callers: UUID) -> user_pb2.Session:
    """The session as its owner sees it; `callers`: the one that asks."""
    address = opened.client.ip_address
    return user_pb2.Session(
        id=str(opened.id),
        client_app=opened.client.app,
        user_agent=opened.client.user_agent,
        ip_address=str(address) if address is not None else None,
        created_at=clock.to_message(opened.created_at),
        expires_at=clock.to_message(opened.expires_at),
        current=opened.id == callers,
    )


def present(profile: user_pb2.Profile, today: date) -> dict[str, Any]:
    """The fields of a profile that were sent, by the domain's names; an empty text or address is None.

    Raises:
        InvalidProfile: a date that is none, or preferences that are too large or no JSON.
    """
    fields: dict[str, Any] = {
        name: getattr(profile, name).strip() or None
        for name in ("avatar_url", "bio", "phone", "date_of_birth")
        if profile.HasField(name)
    }
    if fields.get("date_of_birth") is not None:
        fields["date_of_birth"] = domain.date_of_birth(fields["date_of_birth"], today)
    if profile.HasField("preferences"):
        fields["preferences"] = domain.preferences(_as_json(profile))
    if profile.HasField("address"):
        fields["address"] = json_format.MessageToDict(profile.address) or None
    return fields


def _as_json(profile: user_pb2.Profile) -> dict[str, Any]:
    try:
        return json_format.MessageToDict(profile.preferences)
    except ValueError:  # NaN, an infinity, or a value without a kind: protobuf has them, JSON does not
        raise InvalidProfile("preferences", "must be a JSON object") from None


def _profile(profile: Profile) -> user_pb2.Profile:
    message = user_pb2.Profile(
        avatar_url=profile.avatar_url,
        bio=profile.bio,
        phone=profile.phone,
        date_of_birth=profile.date_of_birth.isoformat() if profile.date_of_birth else None,
    )
    if profile.preferences is not None:
        message.preferences.update(profile.preferences)
    if profile.address is not None:
        json_format.ParseDict(profile.address, message.address, ignore_unknown_fields=True)
    return message
