"""Which sessions have ended, and for how long that is remembered. (How it is learnt: integration/chassis/data.)"""

from __future__ import annotations

import pytest

from services.chassis.plain.errors import Unauthenticated
from services.chassis.rpc.call import User
from services.chassis.rpc.revocations import NotCaughtUp, Revocations, Revoked

HOUR = 3600.0
ADA = User("ada", frozenset(), "session-1", "web-app")
NOWHERE = "127.0.0.1:1"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def test_what_ended_is_known_until_its_tokens_have_expired() -> None:
    clock = Clock()
    revoked = Revoked(clock)
    revoked.add("early", clock.now)
    clock.now += 23.9 * HOUR
    revoked.add("late", clock.now)
    assert "early" in revoked
    clock.now += 0.3 * HOUR
    revoked.add("later", clock.now)
    assert ("early" in revoked, "late" in revoked, "later" in revoked) == (False, True, True)
    assert len(revoked) == 2


def test_what_ended_long_ago_is_not_even_kept() -> None:
    clock = Clock()
    revoked = Revoked(clock)
    revoked.add("old", clock.now - 25 * HOUR)
    assert len(revoked) == 0


@pytest.mark.parametrize("end", ["session", "person"])
async def test_a_good_token_of_what_has_ended_is_refused(end: str) -> None:
    revocations = Revocations(NOWHERE, 0)

    async def verify(_token: str) -> User:
        return ADA

    guarded = revocations.guard(verify)
    revocations.session_ended("session-2")
    revocations.person_gone("bob")
    assert await guarded("a token") == ADA
    if end == "session":
        revocations.session_ended(ADA.session_id)
    else:
        revocations.person_gone(ADA.id)
    with pytest.raises(Unauthenticated, match="the session has ended"):
        await guarded("a token")


async def test_a_bad_token_stays_bad() -> None:
    async def refuse(_token: str) -> User:
        raise Unauthenticated("malformed")

    with pytest.raises(Unauthenticated, match="malformed"):
        await Revocations(NOWHERE, 0).guard(refuse)("a token")


async def test_a_kafka_that_is_away_is_waited_for_but_not_for_ever() -> None:
    patient, hasty = Revocations(NOWHERE, 600), Revocations(NOWHERE, 0)
    try:
        with pytest.raises(NotCaughtUp):
            await patient.start()
        await hasty.start()
        await hasty.check()
    finally:
        await patient.stop()
        await hasty.stop()
