"""Page tokens: what they stand for, and which list a sealed one goes on with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.chassis.data.paging import SealedTokens, decode_page_token, encode_page_token, page_size
from services.chassis.plain.errors import InvalidArgument

TOKENS = SealedTokens(SecretStr("a secret of the service"))
LIST = ("ann", "ann", "pending")


@pytest.mark.parametrize(("requested", "shown"), [(0, 20), (1, 1), (100, 100), (101, 100), (10**9, 100)])
def test_a_page_has_a_default_and_a_maximum_size(requested: int, shown: int) -> None:
    assert page_size(requested) == shown


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), min_size=1, max_size=4))
def test_a_token_is_the_key_that_it_was_made_of(key: list[str]) -> None:
    assert decode_page_token(encode_page_token(*key), len(key)) == tuple(key)
    sealed = TOKENS.seal(tuple(key), of=LIST)
    assert TOKENS.open(sealed, len(key), of=LIST) == tuple(key)


@pytest.mark.parametrize("part", ["a\0b", "\ud800", "b\udfff"])
def test_text_that_no_store_takes_is_refused(part: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        decode_page_token(encode_page_token(part), 1)
    assert [violation.field for violation in refused.value.violations] == ["pageToken"]


def test_no_token_is_the_first_page() -> None:
    assert decode_page_token("", 2) is None
    assert TOKENS.open("", 2, of=LIST) is None


@pytest.mark.parametrize("other", [("bob", "ann", "pending"), ("ann", "bob", "pending"), ("ann", "ann", ""), ("ann",)])
def test_a_sealed_token_is_of_its_list_alone(other: tuple[str, ...]) -> None:
    with pytest.raises(InvalidArgument):
        TOKENS.open(TOKENS.seal(("1", "x"), of=LIST), 2, of=other)


@given(place=st.integers(min_value=0), to=st.sampled_from("AZaz09-_="))
def test_a_sealed_token_cannot_be_changed(place: int, to: str) -> None:
    token = TOKENS.seal(("1", "x"), of=LIST)
    place %= len(token)
    changed = token[:place] + to + token[place + 1 :]
    if changed != token:
        with pytest.raises(InvalidArgument) as refused:
            TOKENS.open(changed, 2, of=LIST)
        assert [violation.field for violation in refused.value.violations] == ["pageToken"]


@pytest.mark.parametrize("token", ["?", "WyIxIl0", encode_page_token("1", "x"), encode_page_token("1", "x", "seal")])
def test_what_nobody_sealed_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgument):
        TOKENS.open(token, 2, of=LIST)


def test_another_secret_makes_other_tokens() -> None:
    with pytest.raises(InvalidArgument):
        TOKENS.open(SealedTokens(SecretStr("another secret")).seal(("1", "x"), of=LIST), 2, of=LIST)
