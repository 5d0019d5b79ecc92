"""Which facts are mailed, and how long a failed message waits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.notification.adapters.letters import TEMPLATES
from services.notification.domain.messages import (
    MAX_ATTEMPTS,
    Kind,
    kind_of_order_status,
    pause_before,
    why_cancelled,
)
from services.notification.domain.preferences import all_preferences


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("confirmed", Kind.ORDER_CONFIRMED),
        ("cancelled", Kind.ORDER_CANCELLED),
        ("shipped", Kind.ORDER_SHIPPED),
        ("delivered", None),
    ],
)
def test_owners_hear_of_what_their_order_comes_to(status: str, kind: Kind | None) -> None:
    assert kind_of_order_status(status) is kind


def test_every_kind_has_a_subject_and_both_templates() -> None:
    assert len({kind.subject for kind in Kind}) == len(Kind)
    assert {f"{kind}.{form}" for kind in Kind for form in ("txt", "html")} <= {
        path.name for path in TEMPLATES.iterdir()
    }


def test_everything_is_wanted_by_default_and_security_mails_always() -> None:
    stated = {"order_shipped": False, "password_reset": False}
    assert {each.kind for each in all_preferences(stated) if not each.email} == {Kind.ORDER_SHIPPED}
    assert len(all_preferences({})) == len(Kind)


def test_every_reason_for_cancelling_has_words() -> None:
    reasons = ("payment_failed", "unpaid", "stock_short", "by_owner", "by_staff")
    assert all(why_cancelled(reason) for reason in reasons)
    assert len({why_cancelled(reason) for reason in reasons}) == len(reasons)


def test_pauses_double_up_to_an_hour_and_then_it_is_parked() -> None:
    pauses = [pause_before(attempt) for attempt in range(2, MAX_ATTEMPTS + 2)]
    assert pauses[:3] == [timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=20)]
    assert pauses[-1] is None
    waits = [pause for pause in pauses if pause is not None]
    assert waits == sorted(waits)
    assert max(waits) <= timedelta(hours=1)
