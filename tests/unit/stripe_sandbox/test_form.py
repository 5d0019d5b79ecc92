"""Form decoding, held against the encoder that callers use: stripe-python's own."""

from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stripe._encode import _api_encode

from stripe_sandbox import form
from stripe_sandbox.form import MalformedForm

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="[]\0"), min_size=1, max_size=12)
VALUES = st.text(st.characters(codec="utf-8"), max_size=20)
PARAMETERS = st.dictionaries(
    NAMES,
    st.recursive(
        VALUES,
        lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=4) | st.lists(inner, min_size=1, max_size=4),
        max_leaves=8,
    ),
    max_size=6,
)


def as_tree(value: Any) -> Any:
    """What decoding is to give: lists as dictionaries of their indices."""
    if isinstance(value, list):
        return {str(index): as_tree(element) for index, element in enumerate(value)}
    if isinstance(value, dict):
        return {name: as_tree(element) for name, element in value.items()}
    return value


def depth(value: Any) -> int:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(depth, children), default=0)


@settings(deadline=None)
@given(PARAMETERS.filter(lambda parameters: depth(parameters) <= 8))
def test_reads_back_what_stripe_python_writes(parameters: dict[str, Any]) -> None:
    encoded = urlencode(list(_api_encode(parameters)))
    assert form.decode(encoded) == as_tree(parameters)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(MalformedForm):
        form.decode(text)


def test_a_list_without_indices_keeps_its_order() -> None:
    tree = form.decode("expand[]=a&expand[]=b")
    assert form.items_of(tree["expand"]) == ["a", "b"]


def test_a_list_comes_in_the_order_of_its_indices() -> None:
    tree = form.decode("expand[10]=c&expand[2]=b&expand[0]=a")
    assert form.items_of(tree["expand"]) == ["a", "b", "c"]


def test_indices_may_be_mixed_with_none() -> None:
    tree = form.decode("expand[1]=a&expand[]=b")
    assert form.items_of(tree["expand"]) == ["a", "b"]


def test_of_a_repeated_key_the_last_value_counts() -> None:
    assert form.decode("amount=1&amount=2") == {"amount": "2"}


@pytest.mark.parametrize(
    "encoded",
    [
        "a[b=1",
        "a]b=1",
        "[a]=1",
        "=1",
        "a[b]c=1",
        "a=1&a[b]=2",
        "a[b]=1&a=2",
        "a%FF=1",
        "a[[b]]=1",
        "&".join(["a=1"] * 1001),
    ],
)
def test_malformed_forms_are_refused(encoded: str) -> None:
    with pytest.raises(MalformedForm):
        form.decode(encoded)


def test_a_form_nested_too_deeply_is_refused() -> None:
    with pytest.raises(MalformedForm):
        form.decode("a" + "[b]" * 8 + "=1")


def test_names_make_no_list() -> None:
    with pytest.raises(MalformedForm):
        form.items_of(form.decode("expand[first]=a")["expand"])
