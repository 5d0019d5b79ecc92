"""The domain's words as the contract's messages."""

from __future__ import annotations

from datetime import datetime

from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp

from argosy.user.v1 import user_pb2
from services.user.domain import Account, Profile, User


def summary(account: Account) -> user_pb2.UserSummary:
    """The account as registering and signing in answer it."""
    return user_pb2.UserSummary(
        id=str(account.id),
        email=account.person.email,
        first_name=account.person.first_name,
        last_name=account.person.last_name,
        created_at=_timestamp(account.created_at),
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
        created_at=_timestamp(account.created_at),
        updated_at=_timestamp(account.updated_at),
        last_login=_timestamp(account.last_login) if account.last_login else None,
        profile=_profile(account.profile),
    )


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


def _timestamp(instant: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(instant)
    return message
