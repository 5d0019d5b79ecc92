"""What counts as unrest in the metrics of an instance, and whether the alert sees each payment that needs a person."""

from __future__ import annotations

import pytest

from tests.chaos.rest import restless, unalarmed

CALM = """
argosy_consumer_stopped{group="g"} 0.0
argosy_circuit_breaker_state{party="stripe"} 0.0
argosy_consumer_lag{group="g",partition="0",topic="t"} 0.0
argosy_outbox_oldest_seconds 3.0
argosy_payments_stranded{reason="disputed"} 2.0
"""


def test_an_instance_at_rest_is_not_accused() -> None:
    assert list(restless({"payment": CALM})) == []
    assert list(unalarmed({"payment": CALM, "payment-2": CALM, "order": ""}, {"disputed": 2})) == []


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('argosy_consumer_stopped{group="g"} 1.0', "payment: argosy_consumer_stopped{'group': 'g'} is 1"),
        ('argosy_circuit_breaker_state{party="s"} 2.0', "payment: argosy_circuit_breaker_state{'party': 's'} is 2"),
        ("argosy_outbox_pending 4.0", "payment: argosy_outbox_pending{} is 4"),
        ('argosy_consumer_lag{group="g"} 7.0', "payment: argosy_consumer_lag{'group': 'g'} is 7"),
    ],
)
def test_what_does_not_rest_is_found(line: str, sentence: str) -> None:
    assert list(restless({"payment": f"{CALM}{line}\n"})) == [sentence]


def test_money_that_needs_a_person_without_its_alert_is_found() -> None:
    assert list(unalarmed({"payment": CALM}, {"disputed": 2, "refund_returned": 1})) == [
        "1 payments need a person (refund_returned), and the alert's metric shows 0"
    ]
    assert list(unalarmed({}, {"disputed": 1})) == [
        "1 payments need a person (disputed), and the alert's metric shows 0"
    ]
    assert list(unalarmed({"payment": CALM}, {})) == [
        "0 payments need a person (disputed), and the alert's metric shows 2"
    ]
