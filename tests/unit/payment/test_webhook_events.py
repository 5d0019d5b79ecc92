"""A laptop and compose.yaml subscribe to the events that payment follows, and to no others."""

import yaml

from local.paths import ROOT
from local.topology import STRIPE_WEBHOOK_EVENTS
from services.payment.adapters.stripe.words import TOPICS


def test_each_event_that_is_followed_is_subscribed_to() -> None:
    assert sorted(TOPICS) == list(STRIPE_WEBHOOK_EVENTS)


def test_compose_subscribes_to_the_same_events() -> None:
    stripe = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["stripe"]
    assert stripe["environment"]["STRIPE_WEBHOOK_EVENTS"].split(",") == list(STRIPE_WEBHOOK_EVENTS)
