"""What an idempotency key decides."""

import pytest

from stripe_sandbox.answers import SavedAnswer
from stripe_sandbox.errors import StripeError
from stripe_sandbox.form import Tree
from stripe_sandbox.idempotency import LIFETIME_SECONDS, KeysInUse, check_key, fingerprint, replayable

PATH = "/v1/payment_intents"
PARAMETERS: dict[str, Tree] = {"amount": "100", "metadata": {"a": "1", "b": "2"}}
PRINT = fingerprint(PATH, PARAMETERS)
SAVED = SavedAnswer(path=PATH, fingerprint=PRINT, status=200, body="{}", request_id="req_1", created=1_000.0)


def test_an_unused_key_is_executed() -> None:
    assert replayable(None, "k", PATH, PRINT, 1_001.0) is None


def test_a_used_key_is_replayed_until_it_expires() -> None:
    assert replayable(SAVED, "k", PATH, PRINT, 1_000.0 + LIFETIME_SECONDS - 1) is SAVED
    assert replayable(SAVED, "k", PATH, PRINT, 1_000.0 + LIFETIME_SECONDS) is None


def test_the_order_of_parameters_does_not_matter() -> None:
    assert fingerprint(PATH, {"metadata": {"b": "2", "a": "1"}, "amount": "100"}) == PRINT


@pytest.mark.parametrize(
    ("path", "parameters"),
    [(PATH, {"amount": "101"}), (PATH, {}), ("/v1/refunds", PARAMETERS)],
)
def test_another_request_under_the_key_is_an_error(path: str, parameters: dict[str, Tree]) -> None:
    with pytest.raises(StripeError) as caught:
        replayable(SAVED, "k", path, fingerprint(path, parameters), 1_001.0)
    assert caught.value.status == 400
    assert caught.value.body()["error"]["type"] == "idempotency_error"


def test_a_key_in_use_is_a_conflict_and_free_again_afterwards() -> None:
    keys = KeysInUse()
    with keys.use("k"), keys.use("other"), keys.use(None), pytest.raises(StripeError) as caught, keys.use("k"):
        pass
    assert caught.value.status == 409
    assert caught.value.body()["error"]["code"] == "idempotency_key_in_use"
    with keys.use("k"):
        pass


def test_a_key_is_free_again_after_a_failure() -> None:
    keys = KeysInUse()
    with pytest.raises(RuntimeError), keys.use("k"):
        raise RuntimeError
    with keys.use("k"):
        pass


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_keys_have_a_length(key: str) -> None:
    with pytest.raises(StripeError):
        check_key(key)
    check_key("k" * 255)
