"""The search language."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stripe_sandbox import search_query
from stripe_sandbox.errors import StripeError
from stripe_sandbox.search_query import Query

WORDS = st.text(min_size=1, max_size=20)


def quoted(text: str, quote: str) -> str:
    escaped = text.replace("\\", "\\\\").replace(quote, "\\" + quote)
    return quote + escaped + quote


@settings(deadline=None)
@given(WORDS, st.text(max_size=20), st.sampled_from("'\""), st.sampled_from("'\""))
def test_reads_any_key_and_value(key: str, value: str, first: str, second: str) -> None:
    query = search_query.parse(f"metadata[{quoted(key, first)}]:{quoted(value, second)}")
    assert query == Query(((key, value),), ())


def test_reads_a_conjunction() -> None:
    query = search_query.parse("metadata['payment_id']:'p' AND status:\"succeeded\" and currency:'usd'")
    assert query == Query((("payment_id", "p"),), (("status", "succeeded"), ("currency", "usd")))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "payment_id:'p'",
        "metadata['a']:'b' OR metadata['c']:'d'",
        "metadata['a']:'b' AND",
        "metadata['a']:'b' metadata['c']:'d'",
        "metadata['a']:'b",
        "metadata['a']='b'",
        "-metadata['a']:'b'",
        "metadata['a']:'b' ANDmetadata['c']:'d'",
    ],
)
def test_refuses_what_it_does_not_know(text: str) -> None:
    with pytest.raises(StripeError) as caught:
        search_query.parse(text)
    assert caught.value.body()["error"]["param"] == "query"
