"""The domain's words as mapping."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime

from google.protobuf import json_format

from services.chassis.plain.ids import new_id
from services.user.domain.accounts import Account, AccountStatus, User
from services.user.domain.people import Person
from services.user.domain.profiles import Profile
from services.user.entrypoints import mapping

ADA = Person("Ada@example.com", "Ada", "Tour")
EARLIER = datetime(2026, 3, 1, 9, 30, 0, 125_000, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
USER = User(new_id(), ADA, True, AccountStatus.SUSPENDED, EARLIER, LATER, LATER, Profile())


def test_a_summary_is_what_registering_answers() -> None:
    account = Account(new_id(), ADA, EARLIER)
    assert json_format.MessageToDict(mapping.summary(account)) == {
        "id": str(account.id),
        "email": "Ada@example.com",
        "firstName": "Ada",
        "lastName": "Tour",
        "createdAt": "2026-03-01T09:30:00.125Z",
    }


def test_only_the_summary_of_staff_has_the_role() -> None:
    account = Account(new_id(), ADA, EARLIER, ("staff",))
    assert mapping.summary(account).staff
    assert not mapping.summary(dataclasses.replace(account, roles=("other",))).HasField("staff")


def test_a_user_has_everything_that_is_known() -> None:
    profile = Profile(
        avatar_url="https://example.com/ada.png",
        bio="Counts.",
        preferences={"theme": "dark", "sizes": [1, 2.5], "nested": {"on": True, "off": None}},
        address={"street": "1 Quay", "city": "Aalst", "state": "OV", "zipCode": "9300", "country": "BE"},
        phone="+32 1",
        date_of_birth=date(1990, 12, 10),
    )
    assert json_format.MessageToDict(mapping.user(dataclasses.replace(USER, profile=profile))) == {
        "id": str(USER.id),
        "email": "Ada@example.com",
        "firstName": "Ada",
        "lastName": "Tour",
        "emailVerified": True,
        "accountStatus": "suspended",
        "createdAt": "2026-03-01T09:30:00.125Z",
        "updatedAt": "2026-03-02T09:30:00Z",
        "lastLogin": "2026-03-02T09:30:00Z",
        "profile": {
            "avatarUrl": "https://example.com/ada.png",
            "bio": "Counts.",
            "preferences": {"theme": "dark", "sizes": [1.0, 2.5], "nested": {"on": True, "off": None}},
            "address": {"street": "1 Quay", "city": "Aalst", "state": "OV", "zipCode": "9300", "country": "BE"},
            "phone": "+32 1",
            "dateOfBirth": "1990-12-10",
        },
    }


def test_what_is_not_known_is_absent() -> None:
    message = mapping.user(dataclasses.replace(USER, last_login=None))
    assert not message.HasField("last_login")
    assert [field.name for field, _ in message.profile.ListFields()] == []
