"""Hashing: the cost, the sharing, the bound. Real bcrypt throughout, so a handful of hashes at most a test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import bcrypt
import pytest

from services.chassis.plain import deadlines
from services.user.adapters import passwords as passwords_module
from services.user.adapters.passwords import BcryptPasswords
from services.user.ports import TooManySignIns

ADDRESS = "ada@example.com"


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The salt of every bcrypt computation, in order."""
    salts: list[bytes] = []
    real = bcrypt.hashpw

    def hashpw(secret: bytes, salt: bytes) -> bytes:
        salts.append(salt)
        return real(secret, salt)

    monkeypatch.setattr(bcrypt, "hashpw", hashpw)
    monkeypatch.setattr(bcrypt, "checkpw", lambda secret, hashed: hashpw(secret, hashed) == hashed)
    return salts


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Hashes do not finish before it is set."""
    opened = threading.Event()
    real = bcrypt.hashpw

    def hashpw(secret: bytes, salt: bytes) -> bytes:
        assert opened.wait(20)
        return real(secret, salt)

    monkeypatch.setattr(bcrypt, "hashpw", hashpw)
    return opened


async def test_a_hash_is_bcrypt_at_cost_12_and_matches_its_password_alone() -> None:
    passwords = BcryptPasswords(threads=2, queue=4)
    hashed = await passwords.hash(ADDRESS, "correct horse")
    assert hashed.startswith(b"$2b$12$")
    right, wrong = await asyncio.gather(
        passwords.matches(ADDRESS, "correct horse", hashed), passwords.matches(ADDRESS, "correct house", hashed)
    )
    assert (right, wrong) == (True, False)


async def test_72_bytes_of_any_script_are_taken() -> None:
    passwords = BcryptPasswords(threads=1, queue=1)
    longest = "ж" * 36
    assert await passwords.matches(ADDRESS, longest, await passwords.hash(ADDRESS, longest))


async def test_an_unknown_address_costs_what_a_wrong_password_costs(computed: list[bytes]) -> None:
    passwords = BcryptPasswords(threads=1, queue=1)
    hashed = await passwords.hash(ADDRESS, "correct horse")
    computed.clear()
    assert not await passwords.matches(ADDRESS, "wrong horse", hashed)
    assert not await passwords.matches("nobody@example.com", "wrong horse", None)
    assert [salt[:7] for salt in computed] == [b"$2b$12$", b"$2b$12$"]


async def test_repeats_in_flight_share_one_hash(computed: list[bytes]) -> None:
    passwords = BcryptPasswords(threads=2, queue=0)
    hashes = await asyncio.gather(*(passwords.hash(ADDRESS, "correct horse") for _ in range(100)))
    assert len(set(hashes)) == len(computed) == 1


async def test_nothing_is_shared_between_addresses_passwords_or_later_calls(computed: list[bytes]) -> None:
    passwords = BcryptPasswords(threads=2, queue=8)
    first = await asyncio.gather(
        passwords.hash(ADDRESS, "correct horse"),
        passwords.hash("bob@example.com", "correct horse"),
        passwords.hash(ADDRESS, "battery staple"),
    )
    later = await passwords.hash(ADDRESS, "correct horse")
    assert len({*first, later}) == len(set(computed)) == 4


async def test_a_full_queue_refuses_with_a_retry_delay(gate: threading.Event) -> None:
    passwords = BcryptPasswords(threads=1, queue=2)
    waiting = [asyncio.create_task(passwords.hash(f"{n}@example.com", "password")) for n in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(TooManySignIns) as refused:
        await passwords.hash("4@example.com", "password")
    with pytest.raises(TooManySignIns):
        await passwords.matches("5@example.com", "password", None)
    assert refused.value.retry_after is not None
    gate.set()
    assert len(await asyncio.gather(*waiting)) == 3
    assert await passwords.hash("4@example.com", "password")


async def test_what_has_waited_too_long_is_refused_without_a_hash(
    gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = BcryptPasswords(threads=1, queue=1)
    running = asyncio.create_task(passwords.hash("running@example.com", "password"))
    await asyncio.sleep(0.1)  # so that the thread has taken it
    monkeypatch.setattr(passwords_module, "PATIENCE_SECONDS", -1.0)
    queued = asyncio.create_task(passwords.hash("queued@example.com", "password"))
    await asyncio.sleep(0)
    gate.set()
    with pytest.raises(TooManySignIns):
        await queued
    assert await running


async def test_who_goes_away_makes_room(gate: threading.Event) -> None:
    passwords = BcryptPasswords(threads=1, queue=1)
    running = asyncio.create_task(passwords.hash("running@example.com", "password"))
    await asyncio.sleep(0.1)  # so that the thread has taken it
    queued = asyncio.create_task(passwords.hash("queued@example.com", "password"))
    await asyncio.sleep(0)
    await cancel(queued)
    next_one = asyncio.create_task(passwords.hash("next@example.com", "password"))
    await asyncio.sleep(0)
    await cancel(running)  # its hash goes on: no place is free
    with pytest.raises(TooManySignIns):
        await passwords.hash("another@example.com", "password")
    gate.set()
    assert await next_one


async def test_one_of_several_going_away_takes_nothing_from_the_others(gate: threading.Event) -> None:
    passwords = BcryptPasswords(threads=1, queue=1)
    leaver, stayer = (asyncio.create_task(passwords.hash(ADDRESS, "password")) for _ in range(2))
    await asyncio.sleep(0)
    await cancel(leaver)
    gate.set()
    assert await stayer


async def test_after_all_have_gone_the_same_question_is_asked_afresh(gate: threading.Event) -> None:
    passwords = BcryptPasswords(threads=1, queue=1)
    running = asyncio.create_task(passwords.hash(ADDRESS, "password"))
    await asyncio.sleep(0)
    running.cancel()
    again = asyncio.create_task(passwords.hash(ADDRESS, "password"))
    gate.set()
    assert await again
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_the_event_loop_runs_on_meanwhile(gate: threading.Event) -> None:
    passwords = BcryptPasswords(threads=1, queue=0)
    hashing = asyncio.create_task(passwords.hash(ADDRESS, "password"))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not hashing.done()
    gate.set()
    await hashing


def test_no_password_is_shown_by_what_carries_it() -> None:
    from services.chassis.plain.unit_of_work import Repeatable
    from services.user.domain.sessions import Client
    from services.user.use_cases.log_in import LogIn
    from services.user.use_cases.register import Register

    client = Client("web-app", None, "")
    shown: Callable[[Any], str] = repr
    assert "hunter22" not in shown(LogIn("ada@example.com", "hunter22", client))
    assert "hunter22" not in shown(
        Register("ada@example.com", "hunter22", "Ada", "Tour", client, Repeatable(None, b""))
    )


async def cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_hash_that_would_come_too_late_is_not_begun(gate: threading.Event) -> None:
    passwords = BcryptPasswords(threads=1, queue=4)
    running = asyncio.create_task(passwords.hash(ADDRESS, "first"))
    await asyncio.sleep(0.05)

    async def late() -> bytes:
        deadlines.enter(asyncio.get_running_loop().time() + 0.3)
        return await passwords.hash(ADDRESS, "second")

    waiting = asyncio.create_task(late())
    await asyncio.sleep(0.2)
    gate.set()
    await running
    with pytest.raises(TooManySignIns):
        await waiting


def test_one_core_stays_free(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, threads in ((1, 1), (2, 1), (8, 7)):
        monkeypatch.setattr("os.sched_getaffinity", lambda _, cores=cores: set(range(cores)))
        assert passwords_module.default_threads() == threads


async def test_a_full_queue_is_known_before_any_work_and_repeats_share_what_is_in_it(gate: threading.Event) -> None:
    passwords = BcryptPasswords(threads=1, queue=1)
    passwords.check_room(ADDRESS)
    held = [asyncio.create_task(passwords.hash(name, "secret")) for name in (ADDRESS, "bob@example.com")]
    await asyncio.sleep(0)
    passwords.check_room(ADDRESS)
    with pytest.raises(TooManySignIns):
        passwords.check_room("eve@example.com")
    gate.set()
    await asyncio.gather(*held)
    passwords.check_room("eve@example.com")
