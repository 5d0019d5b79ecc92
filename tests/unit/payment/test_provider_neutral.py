"""The domain and the use cases name no payment provider: another one is another folder of adapters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import services.payment

PAYMENT = Path(services.payment.__file__).parent
WORDS = re.compile(r"stripe|payment_?intent|\bintent\b|\bpi_|\bch_|\bre_", re.IGNORECASE)
PUBLIC = {
    "unknown_at_stripe",  # a stored reason, a label of a metric and a crash point
    "payment_intent_authentication_failure",  # a public code of a failure
    "https://docs.stripe.com/declines/codes",  # where the public codes come from
    "what Stripe keeps of a payment that could not be read",  # the help of a metric
}
NEUTRAL = [PAYMENT / "ports.py", *sorted(PAYMENT.glob("domain/*.py")), *sorted(PAYMENT.glob("use_cases/*.py"))]


@pytest.mark.parametrize("path", NEUTRAL, ids=lambda path: str(path.relative_to(PAYMENT)))
def test_no_provider_is_named(path: Path) -> None:
    text = path.read_text()
    for public in PUBLIC:
        text = text.replace(public, "")
    assert WORDS.findall(text) == []
