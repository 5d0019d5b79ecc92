"""Stripe's JSON and words, and what they mean to us."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import stripe
from prometheus_client import REGISTRY
from pydantic import SecretStr
from stripe import WebhookSignature

from services.chassis.plain.money import Money
from services.payment.adapters.stripe.mapping import charge, charge_in, dispute, listed_charge, refund, user_of
from services.payment.adapters.stripe.units import to_stripe
from services.payment.adapters.stripe.webhooks import BadSignature, NotForUs, Passed, is_signed, read_webhook
from services.payment.adapters.stripe.words import refusal_in
from services.payment.domain.charges import Challenge, ChargeMismatch, ChargeState, Refusal, Settlement
from services.payment.domain.disputes import DisputeState, Movement, ProviderDispute, dispute_lines, worst
from services.payment.domain.refunds import RefundStatus
from tests.unit.payment.given import PAYMENT_ID

SECRET = SecretStr("whsec_unit")

INTENT: dict[str, Any] = {
    "id": "pi_1",
    "object": "payment_intent",
    "status": "succeeded",
    "amount": 5998,
    "currency": "usd",
    "metadata": {"payment_id": str(PAYMENT_ID)},
    "latest_charge": {
        "id": "ch_1",
        "balance_transaction": {"id": "txn_1", "fee": 204, "net": 5500, "currency": "eur"},
        "payment_method_details": {"card": {"last4": "4242"}},
    },
    "client_secret": "pi_1_secret_x",
}


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def error(code: str | None, param: str | None, **carried: Any) -> stripe.InvalidRequestError:
    body = {"error": {"code": code, "param": param, **carried}}
    return stripe.InvalidRequestError("no", param, code, json_body=body)  # type: ignore[no-untyped-call]


def test_a_settled_charge_has_fee_and_net_in_the_accounts_currency() -> None:
    read = charge(INTENT)
    assert (read.reference, read.amount, read.payment_id, read.capture_reference) == (
        "pi_1",
        Money(5998, "USD"),
        PAYMENT_ID,
        "ch_1",
    )
    assert read.settlement == Settlement("txn_1", Money(204, "EUR"), Money(5500, "EUR"))


LISTED = INTENT | {"created": 1_700_000_000, "latest_charge": {"id": "ch_1", "amount_refunded": 100, "disputed": True}}


def test_a_listed_charge_has_its_state() -> None:
    read = listed_charge(LISTED)
    assert (read.reference, read.state, read.word) == ("pi_1", ChargeState.SUCCEEDED, "succeeded")
    assert (read.amount, read.refunded, read.is_disputed) == (usd(5998), usd(100), True)
    assert (read.payment_id, read.created_at.timestamp()) == (PAYMENT_ID, 1_700_000_000)
    assert (read.takes_money, read.may_be_paid) == (True, False)


def test_a_listed_charge_that_is_not_ours_may_be_anything() -> None:
    read = listed_charge(LISTED | {"status": "requires_capture", "metadata": {"payment_id": "x"}})
    assert (read.state, read.payment_id, read.takes_money) == (None, None, True)
    unpaid = listed_charge(LISTED | {"status": "requires_action", "latest_charge": None, "metadata": {}})
    assert (unpaid.refunded, unpaid.is_disputed, unpaid.takes_money, unpaid.may_be_paid) == (usd(0), False, False, True)
    assert listed_charge(LISTED | {"currency": "isk", "amount": 50}).amount is None
    assert not listed_charge(LISTED | {"status": "canceled"}).takes_money


def settled_as(**changes: Any) -> Settlement | None:
    line = {"id": "txn_1", "fee": 200, "net": 300, "currency": "usd", **changes}
    return charge(INTENT | {"latest_charge": {"id": "ch_1", "balance_transaction": line}}).settlement


@pytest.mark.parametrize(
    ("currency", "fee", "net"), [("usd", 200, 300), ("jpy", 200, 300), ("kwd", 200, 300), ("isk", 2, 3), ("ugx", 2, 3)]
)
def test_fee_and_net_are_in_minor_units_of_the_accounts_currency(currency: str, fee: int, net: int) -> None:
    assert settled_as(currency=currency) == Settlement(
        "txn_1", Money(fee, currency.upper()), Money(net, currency.upper())
    )


@pytest.mark.parametrize(
    "changes",
    [{"currency": "xxx"}, {"currency": None}, {"fee": None}, {"fee": -1}, {"net": "1"}, {"currency": "isk", "fee": 1}],
)
def test_what_stripe_keeps_and_cannot_be_read_counts_as_not_known_and_is_counted(changes: dict[str, Any]) -> None:
    before = REGISTRY.get_sample_value("payment_fees_not_booked_total", {"why": "unreadable"})
    assert before is not None
    assert settled_as(**changes) is None
    assert REGISTRY.get_sample_value("payment_fees_not_booked_total", {"why": "unreadable"}) == before + 1


@pytest.mark.parametrize(("currency", "amount", "minor"), [("jpy", 1000, 1000), ("kwd", 1250, 1250), ("isk", 500, 5)])
def test_amounts_are_in_the_currencys_own_minor_unit(currency: str, amount: int, minor: int) -> None:
    assert charge(INTENT | {"currency": currency, "amount": amount}).amount.minor == minor
    assert to_stripe(minor, currency.upper()) == amount


def test_a_fraction_of_what_has_none_is_not_what_was_asked_for() -> None:
    with pytest.raises(ChargeMismatch):
        charge(INTENT | {"currency": "isk", "amount": 501})


@pytest.mark.parametrize("latest", [None, "ch_1", {"id": "ch_1", "balance_transaction": None}])
def test_one_that_is_not_settled_or_not_expanded_has_none(latest: Any) -> None:
    assert charge(INTENT | {"latest_charge": latest}).settlement is None


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("succeeded", ChargeState.SUCCEEDED),
        ("requires_action", ChargeState.NEEDS_CHALLENGE),
        ("processing", ChargeState.PROCESSING),
        ("requires_payment_method", ChargeState.DECLINED),
        ("requires_confirmation", ChargeState.DECLINED),
        ("canceled", ChargeState.CANCELLED),
    ],
)
def test_what_an_intents_status_means(status: str, state: ChargeState) -> None:
    read = charge(INTENT | {"status": status})
    assert (read.state, read.word, read.answer["status"]) == (state, status, status)


def test_a_state_that_we_do_not_know_is_not_guessed_at() -> None:
    with pytest.raises(ChargeMismatch):
        charge(INTENT | {"status": "requires_capture"})


def test_what_is_kept_with_an_attempt_is_neither_card_nor_secret() -> None:
    assert charge(INTENT).answer == {
        "payment_intent": "pi_1",
        "status": "succeeded",
        "charge": "ch_1",
        "decline_code": None,
        "cancellation_reason": None,
        "balance_transaction": "txn_1",
    }


def test_the_secret_does_not_show() -> None:
    assert "secret" not in repr(charge(INTENT))


def test_a_challenge_has_the_page_that_the_provider_names() -> None:
    page = "https://hooks.stripe.com/3d_secure_2/1"
    redirected = charge(INTENT | {"next_action": {"type": "redirect_to_url", "redirect_to_url": {"url": page}}})
    by_script = charge(INTENT | {"next_action": {"type": "use_stripe_sdk", "use_stripe_sdk": {}}})
    assert redirected.challenge == Challenge("pi_1_secret_x", page)
    assert by_script.challenge == Challenge("pi_1_secret_x")
    assert page not in repr(redirected)


def test_nothing_of_the_card_comes_through() -> None:
    assert "4242" not in repr(charge(INTENT))


@pytest.mark.parametrize("metadata", [None, {}, {"payment_id": ""}, {"payment_id": "7"}])
def test_an_intent_of_others_has_no_payment(metadata: Any) -> None:
    assert charge(INTENT | {"metadata": metadata}).payment_id is None


@pytest.mark.parametrize(
    ("code", "param", "refusal"),
    [
        ("resource_missing", "payment_method", Refusal.PAYMENT_METHOD),
        ("payment_method_unexpected_state", None, Refusal.PAYMENT_METHOD),
        ("resource_missing", "customer", Refusal.CUSTOMER),
        ("amount_too_small", "amount", Refusal.AMOUNT),
        ("amount_too_large", None, Refusal.AMOUNT),
        ("parameter_unknown", "return_url", Refusal.REQUEST),
        (None, None, Refusal.REQUEST),
    ],
)
def test_what_stripe_would_not_take(code: str | None, param: str | None, refusal: Refusal) -> None:
    assert refusal_in(error(code, param)) is refusal


def test_an_error_may_carry_the_intent_of_an_attempt() -> None:
    carried = charge_in(error("payment_intent_authentication_failure", None, payment_intent=INTENT))
    assert carried == charge(INTENT)
    assert charge_in(error("resource_missing", "payment_method")) is None


@pytest.mark.parametrize(
    ("reported", "status"),
    [
        ("pending", RefundStatus.PENDING),
        ("requires_action", RefundStatus.PENDING),
        ("succeeded", RefundStatus.SUCCEEDED),
        ("failed", RefundStatus.FAILED),
        ("canceled", RefundStatus.CANCELLED),
        ("unheard_of", RefundStatus.PENDING),
        (None, RefundStatus.PENDING),
    ],
)
def test_how_a_refund_stands(reported: str | None, status: RefundStatus) -> None:
    assert refund({"id": "re_1", "status": reported, "amount": 5, "currency": "usd"}).status is status


def test_whether_the_money_of_a_refund_came_back() -> None:
    failed = {"id": "re_1", "status": "failed", "amount": 5, "currency": "usd"}
    assert not refund(failed).returned
    assert refund(failed | {"failure_balance_transaction": "txn_1"}).returned


def test_whose_a_customer_is() -> None:
    assert user_of({"id": "cus_1", "metadata": {"user_id": "u"}}) == "u"
    assert user_of({"id": "cus_1", "metadata": {}}) is None
    assert user_of({"id": "cus_1", "deleted": True}) is None


def signed(event: Any, age: int = 0) -> tuple[bytes, str]:
    payload = json.dumps(event)
    moment = int(time.time()) - age
    signature = WebhookSignature.generate_signature_header(payload, SECRET.get_secret_value(), timestamp=moment)
    return payload.encode(), signature


@pytest.mark.parametrize(
    ("subject", "intent_id"),
    [
        ({"object": "payment_intent", "id": "pi_1"}, "pi_1"),
        ({"object": "charge", "id": "ch_1", "payment_intent": "pi_1"}, "pi_1"),
        ({"object": "refund", "id": "re_1", "payment_intent": "pi_1"}, "pi_1"),
        ({"object": "refund", "id": "re_1", "payment_intent": None}, None),
        ({"object": "customer", "id": "cus_1"}, None),
    ],
)
def test_what_a_webhook_is_about(subject: Any, intent_id: str | None) -> None:
    event = read_webhook(*signed({"id": "evt_1", "type": "charge.refunded", "data": {"object": subject}}), SECRET)
    assert (event.id, event.type, event.charge_reference) == ("evt_1", "charge.refunded", intent_id)


def test_a_webhook_is_good_for_five_minutes() -> None:
    event = {"id": "evt_1", "type": "charge.refunded", "data": {"object": {"object": "customer"}}}
    read_webhook(*signed(event, age=290), SECRET)
    with pytest.raises(BadSignature):
        read_webhook(*signed(event, age=310), SECRET)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("warning_needs_response", DisputeState.INQUIRY),
        ("warning_under_review", DisputeState.INQUIRY),
        ("warning_closed", DisputeState.WON),
        ("needs_response", DisputeState.OPEN),
        ("under_review", DisputeState.OPEN),
        ("won", DisputeState.WON),
        ("lost", DisputeState.LOST),
        ("prevented", DisputeState.WON),
        ("something_new", DisputeState.OPEN),
    ],
)
def test_what_a_disputes_status_means(status: str, state: DisputeState) -> None:
    line = {"id": "txn_1", "amount": -1000, "fee": 1500, "currency": "usd"}
    seen = dispute({"id": "du_1", "status": status, "amount": 1000, "currency": "usd", "balance_transactions": [line]})
    assert (seen.status, seen.state, seen.reason) == (status, state, "general")
    assert [(moved.amount.minor, moved.fee.minor) for moved in seen.movements] == [(-1000, 1500)]


def test_what_a_dispute_moves_is_booked_once_and_by_its_way() -> None:
    taken, back = Movement("txn_1", usd(-1000), usd(1500)), Movement("txn_2", usd(1000), usd(-1500))
    seen = ProviderDispute("du_1", "won", DisputeState.WON, usd(1000), "general", (taken, back))
    booked = [(line.entry.value, line.amount.minor, line.reference) for line in dispute_lines(seen, set(), "stripe")]
    assert booked == [
        ("dispute", 1000, "txn_1"),
        ("dispute_fee", 1500, "txn_1"),
        ("dispute_reversal", 1000, "txn_2"),
        ("dispute_fee_reversal", 1500, "txn_2"),
    ]
    assert len(dispute_lines(seen, {"txn_1"}, "stripe")) == 2
    assert dispute_lines(seen, {"txn_1", "txn_2"}, "stripe") == ()


def test_the_worst_dispute_is_the_state_of_all() -> None:
    assert worst([]) is None
    assert worst([DisputeState.WON, DisputeState.LOST, DisputeState.OPEN]) is DisputeState.LOST
    assert worst([DisputeState.INQUIRY, DisputeState.WON]) is DisputeState.INQUIRY


@pytest.mark.parametrize("account", ["acct_1", {"id": "acct_1"}, 1])
def test_an_event_of_a_connected_account_is_not_read(account: Any) -> None:
    event = {"id": "evt_1", "type": "charge.refunded", "account": account, "data": {"object": {"id": "ch_1"}}}
    with pytest.raises(NotForUs) as passed:
        read_webhook(*signed(event), SECRET)
    assert passed.value.why is Passed.CONNECTED_ACCOUNT


@pytest.mark.parametrize("signature", ["", "t=1", "v1=00", "t=1,t=2,v1=00", f"t={'9' * 5000},v1=00", "t=\u0661,v1=00"])
def test_what_is_no_signature_is_none(signature: str) -> None:
    assert not is_signed(b"{}", signature, SECRET)


def test_one_of_several_signatures_will_do() -> None:
    payload, signature = signed({"id": "evt_1"})
    moment, good = signature.split(",")
    assert is_signed(payload, f"{moment},v1=00,{good}", SECRET)  # while the secret is being rolled
    assert not is_signed(payload + b" ", signature, SECRET)
