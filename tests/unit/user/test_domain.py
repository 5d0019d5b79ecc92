"""Names, addresses, who may do what, and which key signs."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.user.domain import profiles
from services.user.domain.accounts import AccountStatus, may_read
from services.user.domain.limits import pause_after
from services.user.domain.people import InvalidPerson, address_key, new_person
from services.user.domain.profiles import MOST_BYTES_OF_PREFERENCES, InvalidProfile
from services.user.domain.sign_in import may_sign_in
from services.user.domain.signing_keys import choose_signing_key

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SETTLE = timedelta(minutes=15)


@dataclass(frozen=True)
class Key:
    created_at: datetime


def keys_made(*ago: timedelta) -> list[Key]:
    return [Key(NOW - each) for each in ago]


class TestNewPerson:
    def test_keeps_what_was_given_but_for_surrounding_blanks(self) -> None:
        person = new_person("Ada@Example.com ", "  Ada\t", " de la  Tour ")
        assert (person.email, person.first_name, person.last_name) == ("Ada@Example.com", "Ada", "de la  Tour")

    @pytest.mark.parametrize("blank", ["", " ", "\t \u2003", "\u200b", "\u202e\u200d", "\u3164", "\u2800", "\uffa0"])
    def test_a_blank_name_is_none_and_the_field_is_named(self, blank: str) -> None:
        with pytest.raises(InvalidPerson) as refused:
            new_person("a@example.com", blank, "Tour")
        assert refused.value.violations == [("firstName", "must not be blank")]

    def test_every_bad_field_is_named(self) -> None:
        with pytest.raises(InvalidPerson) as refused:
            new_person("a@example.com", " ", "Tour\r\nBcc: everybody@example.com")
        assert [field for field, _ in refused.value.violations] == ["firstName", "lastName"]

    @pytest.mark.parametrize("character", ["\n", "\r", "\x07", "\x85", "\u2028", "\u2029"])
    def test_a_name_is_one_line_of_text(self, character: str) -> None:
        with pytest.raises(InvalidPerson):
            new_person("a@example.com", f"A{character}da", "Tour")

    @pytest.mark.parametrize("name", ["Ada\u3164", "\u202eadA", "https://evil.example", "evil.com", "www.evil"])
    def test_a_name_hides_nothing_and_is_no_link(self, name: str) -> None:
        with pytest.raises(InvalidPerson):
            new_person("a@example.com", name, "Tour")

    @pytest.mark.parametrize("name", ["O'Neil", "Zoë", "李", "محمد", "X Æ A-12", "👩‍🚀", "n\u0303"])
    def test_people_are_called_many_things(self, name: str) -> None:
        assert new_person("a@example.com", name, name).first_name == name

    def test_does_not_show_itself(self) -> None:
        assert "Ada" not in repr(new_person("ada@example.com", "Ada", "Tour"))


class TestAddressKey:
    def test_case_and_surrounding_blanks_do_not_count(self) -> None:
        assert address_key(" Ada@EXAMPLE.com\n") == address_key("ada@example.com") == "ada@example.com"

    @given(st.text())
    def test_folds_ascii_alone_and_once_is_enough(self, text: str) -> None:
        key = address_key(text)
        assert address_key(key) == key
        assert len(key) == len(text.strip())
        assert [c for c in key if ord(c) > 127] == [c for c in text.strip() if ord(c) > 127]

    def test_letters_that_only_look_alike_stay_apart(self) -> None:
        assert address_key("\u212a@example.com") != address_key("k@example.com")  # the Kelvin sign


@pytest.mark.parametrize("status", AccountStatus)
@pytest.mark.parametrize("matches", [True, False])
def test_only_an_active_account_with_the_right_password_signs_in(status: AccountStatus, matches: bool) -> None:
    assert may_sign_in(status, matches) == (matches and status == "active")


def test_an_account_is_for_its_owner_and_for_staff() -> None:
    owner, other = uuid.uuid4(), uuid.uuid4()
    assert may_read(owner, False, owner)
    assert may_read(other, True, owner)
    assert not may_read(other, False, owner)


class TestChooseSigningKey:
    def test_a_new_key_waits_until_it_is_known_everywhere(self) -> None:
        old, new = keys = keys_made(timedelta(days=30), SETTLE - timedelta(seconds=1))
        assert choose_signing_key(keys, NOW, SETTLE) is old
        assert choose_signing_key(keys, NOW + timedelta(seconds=1), SETTLE) is new

    def test_the_first_key_signs_at_once(self) -> None:
        [only] = keys = keys_made(timedelta(0))
        assert choose_signing_key(keys, NOW, SETTLE) is only

    def test_of_several_first_keys_the_oldest_signs(self) -> None:
        _younger, older = keys = keys_made(timedelta(seconds=1), timedelta(seconds=2))
        assert choose_signing_key(keys, NOW, SETTLE) is older

    def test_without_keys_nothing_can_be_signed(self) -> None:
        with pytest.raises(ValueError, match="empty"):
            choose_signing_key([], NOW, SETTLE)

    @given(st.lists(st.timedeltas(timedelta(0), timedelta(days=1)), min_size=1), st.timedeltas(timedelta(0), SETTLE))
    def test_no_settled_key_is_ever_passed_over_for_an_unsettled_one(
        self, ages: list[timedelta], settle: timedelta
    ) -> None:
        keys = keys_made(*ages)
        chosen = choose_signing_key(keys, NOW, settle)
        settled = [key for key in keys if NOW - key.created_at >= settle]
        assert not settled or chosen in settled
        assert all(key.created_at <= chosen.created_at for key in settled)


TODAY = date(2026, 3, 1)


@pytest.mark.parametrize("text", ["2026-02-28", "2024-02-29", "1900-01-01"])
def test_a_date_of_birth_is_a_past_day(text: str) -> None:
    assert profiles.date_of_birth(text, TODAY).isoformat() == text


@pytest.mark.parametrize("text", ["2026-03-01", "2027-01-01", "2025-02-29", "2025-13-01", "0000-01-01", "x"])
def test_no_other_is(text: str) -> None:
    with pytest.raises(InvalidProfile) as error:
        profiles.date_of_birth(text, TODAY)
    assert error.value.violations[0][0] == "profile.dateOfBirth"


def test_preferences_are_kept_while_they_are_small() -> None:
    room = MOST_BYTES_OF_PREFERENCES - len('{"x": ""}')
    kept = {"x": "ü" * (room // 2)}
    assert profiles.preferences(kept) == kept
    with pytest.raises(InvalidProfile, match=r"profile\.preferences"):
        profiles.preferences({"x": "ü" * (room // 2 + 1)})


def test_failures_are_free_at_first_then_dearer_each_time_up_to_a_minute() -> None:
    pauses = [pause_after(failures, 5).total_seconds() for failures in range(1, 14)]
    assert pauses == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert pause_after(10**9, 5).total_seconds() == 60
