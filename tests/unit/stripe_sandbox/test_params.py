"""Parameters are read in Stripe's terms: the error names the parameter and what is wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_sandbox import form
from stripe_sandbox.errors import StripeError
from stripe_sandbox.params import Params


def params(encoded: str) -> Params:
    return Params(form.decode(encoded))


def error_of(read: Callable[[], Any]) -> dict[str, Any]:
    with pytest.raises(StripeError) as caught:
        read()
    assert caught.value.status == 400
    fields: dict[str, Any] = caught.value.body()["error"]
    assert fields["type"] == "invalid_request_error"
    return fields


def test_reads_each_kind() -> None:
    read = params(
        "amount=5998&confirm=true&currency=usd&expand[0]=a&metadata[order_id]=1&nested[enabled]=true&url=https://a.b/c"
    )
    assert read.integer("amount", least=1, most=10_000) == 5998
    assert read.flag("confirm")
    assert read.choice("currency", ("usd", "eur")) == "usd"
    assert read.texts("expand") == ("a",)
    assert read.metadata() == {"order_id": "1"}
    nested = read.nested("nested")
    assert nested is not None
    assert nested.flag("enabled")
    nested.done()
    assert read.url("url") == "https://a.b/c"
    read.done()


def test_what_is_absent_is_none_or_empty() -> None:
    read = params("")
    assert read.text("description") is None
    assert read.integer("limit", least=1, most=100) is None
    assert not read.flag("confirm")
    assert read.texts("expand") == ()
    assert read.nested("automatic_payment_methods") is None
    assert read.metadata() == {}
    read.done()


def test_a_missing_parameter_is_named() -> None:
    error = error_of(lambda: params("").required_text("amount"))
    assert (error["code"], error["param"]) == ("parameter_missing", "amount")


def test_an_unknown_parameter_is_named_with_its_parents() -> None:
    nested = params("automatic_payment_methods[colour]=red").nested("automatic_payment_methods")
    assert nested is not None
    error = error_of(nested.done)
    assert (error["code"], error["param"]) == ("parameter_unknown", "automatic_payment_methods[colour]")


@pytest.mark.parametrize("value", ["1.5", "ten", "1e3", "0x10", "９", "1 ", "101", "0", "9" * 30])
def test_bad_integers(value: str) -> None:
    read = Params({"amount": value})
    error = error_of(lambda: read.integer("amount", least=1, most=100))
    assert (error["code"], error["param"]) == ("parameter_invalid_integer", "amount")


def test_an_empty_value_is_refused() -> None:
    error = error_of(lambda: params("description=").text("description"))
    assert (error["code"], error["param"]) == ("parameter_invalid_empty", "description")


@pytest.mark.parametrize("value", ["\0", "x" * 5_001])
def test_bad_texts(value: str) -> None:
    assert error_of(lambda: Params({"description": value}).text("description"))["param"] == "description"


@pytest.mark.parametrize("value", ["ftp://a", "javascript:alert(1)", "/relative", "http://"])
def test_bad_urls(value: str) -> None:
    error = error_of(lambda: Params({"return_url": value}).url("return_url"))
    assert (error["code"], error["param"]) == ("url_invalid", "return_url")


def test_an_object_is_no_text_and_a_text_no_object() -> None:
    assert error_of(lambda: params("amount[a]=1").text("amount"))["param"] == "amount"
    assert error_of(lambda: params("nested=1").nested("nested"))["param"] == "nested"
    assert error_of(lambda: params("expand=a").texts("expand"))["param"] == "expand"
    assert error_of(lambda: params("metadata=a").metadata())["param"] == "metadata"


def test_metadata_with_numbers_for_keys_stay_metadata() -> None:
    assert params("metadata[0]=a&metadata[1]=b").metadata() == {"0": "a", "1": "b"}


def test_metadata_without_a_value_are_left_out() -> None:
    assert params("metadata[a]=&metadata[b]=1").metadata() == {"b": "1"}


@pytest.mark.parametrize(
    "tree",
    [
        {f"key{index}": "a" for index in range(51)},
        {"k" * 41: "a"},
        {"key": "v" * 501},
        {"key": {"inner": "a"}},
    ],
)
def test_metadata_have_limits(tree: dict[str, Any]) -> None:
    error_of(Params({"metadata": tree}).metadata)
