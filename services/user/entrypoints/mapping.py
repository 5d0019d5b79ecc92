"""Converts between protobuf and domain: the only place that maps their fields."""

from __future__ import annotations

from datetime import date
from types import MappingProxyType
from typing import Any
from uuid import UUID

from google.protobuf import json_format

from argosy.user.v1 import mail_token_pb2, user_pb2
from services.chassis.data.postgres_work import Codec, Codecs
from services.chassis.plain.ids import parse_id
from services.chassis.rpc import timestamps
from services.chassis.rpc.call import STAFF_ROLE
from services.user.domain import profiles
from services.user.domain.accounts import Account, AccountSummary, Changes, User
from services.user.domain.mail_requests import MailToken
from services.user.domain.people import Person
from services.user.domain.profiles import InvalidProfile, Profile
from services.user.domain.sessions import OpenSession


def summary(account: Account) -> user_pb2.UserSummary:
    """The account as Register and Login return it."""
    return user_pb2.UserSummary(
        id=str(account.id),
        email=account.person.email,
        first_name=account.person.first_name,
        last_name=account.person.last_name,
        created_at=timestamps.to_message(account.created_at),
        staff=True if STAFF_ROLE in account.roles else None,
    )


def account_of(message: user_pb2.UserSummary) -> Account:
    """The account in a stored idempotent response. A new account has no roles."""
    person = Person(message.email, message.first_name, message.last_name)
    return Account(parse_id(message.id), person, timestamps.from_message(message.created_at))


def user(account: User) -> user_pb2.User:
    """The account as its owner sees it."""
    return user_pb2.User(
        id=str(account.id),
        email=account.person.email,
        first_name=account.person.first_name,
        last_name=account.person.last_name,
        email_verified=account.email_verified,
        account_status=account.status,
        created_at=timestamps.to_message(account.created_at),
        updated_at=timestamps.to_message(account.updated_at),
        last_login=timestamps.to_message(account.last_login) if account.last_login else None,
        profile=_profile(account.profile),
        pending_email=account.pending_email,
    )


def found_user(account: AccountSummary) -> user_pb2.FoundUser:
    """The account as staff find it."""
    return user_pb2.FoundUser(
        id=str(account.id),
        email=account.person.email,
        first_name=account.person.first_name,
        last_name=account.person.last_name,
        email_verified=account.email_verified,
        account_status=account.status,
        created_at=timestamps.to_message(account.created_at),
    )


def session(opened: OpenSession, callers: UUID) -> user_pb2.Session:
    """The session as its owner sees it; `callers`: the session of the call."""
    address = opened.client.ip_address
    return user_pb2.Session(
        id=str(opened.id),
        client_app=opened.client.app,
        user_agent=opened.client.user_agent,
        ip_address=str(address) if address is not None else None,
        created_at=timestamps.to_message(opened.created_at),
        expires_at=timestamps.to_message(opened.expires_at),
        current=opened.id == callers,
    )


def mail_token_message(minted: MailToken) -> mail_token_pb2.MailToken:
    """A token and its recipient, for the notification service."""
    return mail_token_pb2.MailToken(
        token=minted.token,
        email=minted.email,
        name=minted.name,
        expires_at=timestamps.to_message(minted.expires_at),
    )


def changes(request: user_pb2.UpdateUserRequest | user_pb2.ReplaceUserRequest, profile: dict[str, Any]) -> Changes:
    """The change in a request: only the fields that are present; `profile`: the change of the profile."""
    return Changes(
        email=request.email if request.HasField("email") else None,
        first_name=request.first_name if request.HasField("first_name") else None,
        last_name=request.last_name if request.HasField("last_name") else None,
        profile=profile,
    )


def present(profile: user_pb2.Profile, today: date) -> dict[str, Any]:
    """The present fields of a profile, by the domain's names; an empty text or address is None.

    Raises:
        InvalidProfile: a date is not valid, or the preferences are too large or not JSON.
    """
    fields: dict[str, Any] = {
        name: getattr(profile, name).strip() or None
        for name in ("avatar_url", "bio", "phone", "date_of_birth")
        if profile.HasField(name)
    }
    if fields.get("date_of_birth") is not None:
        fields["date_of_birth"] = profiles.date_of_birth(fields["date_of_birth"], today)
    if profile.HasField("preferences"):
        fields["preferences"] = profiles.preferences(_as_json(profile))
    if profile.HasField("address"):
        fields["address"] = json_format.MessageToDict(profile.address) or None
    return fields


def _as_json(profile: user_pb2.Profile) -> dict[str, Any]:
    try:
        return json_format.MessageToDict(profile.preferences)
    except ValueError:  # NaN, an infinity, or a value without a kind: valid in protobuf, not in JSON
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


KEPT_ANSWERS: Codecs = MappingProxyType({Account: Codec(user_pb2.UserSummary, summary, account_of)})
"""Encodings of stored idempotent responses."""
