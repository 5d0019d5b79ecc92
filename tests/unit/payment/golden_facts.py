"""One example of each fact of the service, every field set (tests/golden)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.chassis.plain.money import Money
from services.payment.adapters.facts import encode
from services.payment.domain.facts import (
    Fact,
    PaymentConfirmed,
    PaymentFailed,
    PaymentRefunded,
    PaymentRefundFailed,
    PaymentRequiresAction,
)
from tests.golden.examples import ORDER, PAYMENT, REFUND, USER, bus_files, records

TOTAL, PART = Money(19050, "USD"), Money(1250, "USD")
FACTS: Sequence[Fact] = (
    PaymentConfirmed(ORDER, PAYMENT, USER, TOTAL, "stripe", "pi_3Oa1"),
    PaymentFailed(ORDER, PAYMENT, USER, "insufficient_funds", "stripe", "pi_3Oa1"),
    PaymentRequiresAction(ORDER, PAYMENT, USER),
    PaymentRefunded(ORDER, PAYMENT, USER, REFUND, PART),
    PaymentRefundFailed(ORDER, PAYMENT, USER, REFUND, PART),
)
FREE_TEXT = {"value.error"}
"""Paths of text for customers, which may change in one version."""


def facts() -> Sequence[Fact]:
    """One of each."""
    return FACTS


def files(*, release: str | None) -> Mapping[str, Any]:
    """The golden files of today's events."""
    return bus_files(records("payment", encode, FACTS))
