"""Which facts people are told, and how long a failed message waits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.notification.domain import MAX_ATTEMPTS, notice_of_order, pause_before, why_cancelled


@pytest.mark.parametrize(
    ("status", "type_"),
    [("confirmed", "order_confirmed"), ("cancelled", "order_cancelled"), ("shipped", None), ("delivered", None)],
)
def test_owners_hear_of_confirmation_and_cancellation(status: str, type_: str | None) -> None:
    notice = notice_of_order(status)
    assert (notice.type if notice else None) == type_


def test_every_reason_for_cancelling_has_words() -> None:
    reasons = ("payment_failed", "unpaid", "by_owner", "by_staff")
    assert all(why_cancelled(reason) for reason in reasons)
    assert len({why_cancelled(reason) for reason in reasons}) == len(reasons)


def test_pauses_double_up_to_an_hour_and_then_it_is_parked() -> None:
    pauses = [pause_before(attempt) for attempt in range(2, MAX_ATTEMPTS + 2)]
    assert pauses[:3] == [timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=20)]
    assert pauses[-1] is None
    waits = [pause for pause in pauses if pause is not None]
    assert waits == sorted(waits)
    assert max(waits) <= timedelta(hours=1)
