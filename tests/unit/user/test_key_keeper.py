"""How keys stand, come and go."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.user.adapters.signing_keys import KeyFiles
from services.user.domain.signing_keys import BadKeys, KeyStanding, Standing
from services.user.use_cases.list_keys import ListKeys, ListKeysHandler
from services.user.use_cases.retire_key import KeyStillNeeded, NoSuchKey, RetireKey, RetireKeyHandler
from services.user.use_cases.rotate_keys import RotateKeys, RotateKeysHandler

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SETTLE = timedelta(minutes=15)
DAY_AND_HOUR = timedelta(hours=25)


class KeyKeeper:
    """The use cases about keys on one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.files = KeyFiles(directory)
        self._list = ListKeysHandler(self.files, SETTLE)
        self._rotate = RotateKeysHandler(self.files, SETTLE)
        self._retire = RetireKeyHandler(self.files, SETTLE)

    def standings(self, now: datetime) -> Sequence[KeyStanding]:
        return self._list(ListKeys(now))

    def rotate(self, now: datetime, operator: str) -> tuple[KeyStanding, bool]:
        return self._rotate(RotateKeys(now, operator))

    def retire(self, kid: str, now: datetime, operator: str) -> None:
        self._retire(RetireKey(kid, now, operator))


@pytest.fixture
def keeper(tmp_path: Path) -> KeyKeeper:
    return KeyKeeper(tmp_path)


def added(keeper: KeyKeeper, before: timedelta) -> str:
    return keeper.files.add(NOW - before)


def stand(keeper: KeyKeeper, now: datetime = NOW) -> dict[str, str]:
    return {each.kid: str(each.standing) for each in keeper.standings(now)}


def files(keeper: KeyKeeper) -> set[str]:
    return {path.name for path in keeper.directory.iterdir()}


def test_the_state_of_a_key_follows_its_age(keeper: KeyKeeper) -> None:
    spent = added(keeper, timedelta(days=9))
    verifying = added(keeper, SETTLE + DAY_AND_HOUR)
    signing = added(keeper, SETTLE)
    waiting = added(keeper, SETTLE - timedelta(seconds=1))
    assert stand(keeper) == {
        spent: "spent",
        verifying: "verifying",
        signing: "signing",
        waiting: "waiting",
    }
    needed = {each.kid: each.needed_until for each in keeper.standings(NOW)}
    assert needed[spent] == NOW
    assert needed[verifying] == NOW + DAY_AND_HOUR
    assert needed[waiting] is None


def test_the_first_key_signs_at_once(keeper: KeyKeeper) -> None:
    first = added(keeper, timedelta(0))
    assert stand(keeper) == {first: "signing"}


def test_rotating_adds_a_key_that_waits_and_only_one(keeper: KeyKeeper) -> None:
    old = added(keeper, timedelta(days=30))
    key, made = keeper.rotate(NOW, "eve")
    assert (made, key.standing, key.signs_from) == (True, Standing.WAITING, NOW + SETTLE)
    assert stand(keeper) == {old: "signing", key.kid: "waiting"}
    assert keeper.rotate(NOW + SETTLE - timedelta(seconds=1), "eve") == (key, False)
    assert stand(keeper, NOW + SETTLE) == {old: "verifying", key.kid: "signing"}
    assert keeper.rotate(NOW + SETTLE, "eve")[1]
    assert len(stand(keeper)) == 3


def test_several_who_rotate_at_once_make_one_key(keeper: KeyKeeper) -> None:
    added(keeper, timedelta(days=30))
    made: list[bool] = []
    threads = [threading.Thread(target=lambda: made.append(keeper.rotate(NOW, "eve")[1])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False] * 7 + [True]
    assert len(files(keeper)) == 2


def test_a_key_goes_when_no_token_of_its_is_good_and_not_before(keeper: KeyKeeper) -> None:
    old = added(keeper, timedelta(days=30))
    new = keeper.rotate(NOW, "eve")[0].kid
    before = files(keeper)
    needed_until = NOW + SETTLE + DAY_AND_HOUR
    for kid, now in ((old, NOW), (old, needed_until - timedelta(seconds=1)), (new, NOW), (new, needed_until)):
        with pytest.raises(KeyStillNeeded, match=kid):
            keeper.retire(kid, now, "eve")
    with pytest.raises(NoSuchKey, match="there is no key"):
        keeper.retire("../../etc/passwd", needed_until, "eve")
    assert files(keeper) == before
    keeper.retire(old, needed_until, "eve")
    assert stand(keeper, needed_until) == {new: "signing"}
    with pytest.raises(NoSuchKey):
        keeper.retire(old, needed_until, "eve")


def test_a_directory_without_keys_is_no_place_to_rotate(keeper: KeyKeeper) -> None:
    with pytest.raises(BadKeys, match="holds no key"):
        keeper.rotate(NOW, "eve")
    assert not files(keeper)
