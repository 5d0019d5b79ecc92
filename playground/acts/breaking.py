"""Breaks parts, and undoes it. What is broken is read from the parts, so undoing also works after a restart."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
import uuid
from collections.abc import Mapping
from typing import Any

import psutil
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from cli.environment import kafka
from cli.topics import records
from facts.system import system
from local.ports import SERVICES
from playground.acts.acting import ActFailed, Note, Outcome, word
from playground.acts.stripe import StripeControls
from playground.watching.parts import PAUSED, READY, STOPPED, Parts
from services.chassis.bus.dead_letters import SUFFIX

BREAKABLE = frozenset({"kafka", "postgres", "ferretdb", "stripe", "mail", *SERVICES})
_READY_SECONDS = 120.0
_POISON_SECONDS = 60.0
_BUS_SECONDS = 15.0
_POLL_SECONDS = 0.5
_SLOW_SECONDS = 6.0
_CUT = 3


class Breaking:
    """The acts that break, and the one that undoes all."""

    def __init__(self, parts: Parts, stripe: StripeControls) -> None:
        self._parts = parts
        self._stripe = stripe

    async def stop(self, asked: Mapping[str, Any], _: Note) -> Outcome:
        """Stop a part until it is started."""
        name = word(asked, "part", BREAKABLE)
        await self.stop_part(name)
        return Outcome(f"{name} is stopped. Start it again, or undo all.")

    async def start(self, asked: Mapping[str, Any], note: Note) -> Outcome:
        """Start a part that was stopped, and wait until it answers."""
        name = word(asked, "part", BREAKABLE)
        seconds = await self.start_part(name, note)
        return Outcome(f"{name} is ready again after {seconds:.0f} s.")

    async def pause(self, asked: Mapping[str, Any], _: Note) -> Outcome:
        """Freeze a part: its connections stay open, and nothing answers."""
        name = word(asked, "part", BREAKABLE)
        if not await self._signal(name, signal.SIGSTOP):
            raise ActFailed(f"{name} does not run, so it cannot be paused.")
        return Outcome(f"{name} is frozen: its connections stay open, and nothing answers. Resume it, or undo all.")

    async def resume(self, asked: Mapping[str, Any], _: Note) -> Outcome:
        """Let a frozen part go on."""
        name = word(asked, "part", BREAKABLE)
        await self._signal(name, signal.SIGCONT)
        return Outcome(f"{name} goes on.")

    async def kill(self, asked: Mapping[str, Any], _: Note) -> Outcome:
        """kill -9; the supervisor starts it again."""
        name = word(asked, "part", frozenset(SERVICES))
        await self.kill_part(name)
        return Outcome(f"{name} was killed (kill -9). The supervisor starts it again.")

    async def slow_stripe(self, _: Mapping[str, Any], __: Note) -> Outcome:
        """Each request to Stripe takes seconds."""
        await self._stripe.slow(_SLOW_SECONDS)
        return Outcome(f"Stripe waits {_SLOW_SECONDS:.0f} s before it does anything, until you undo it.")

    async def failing_stripe(self, _: Mapping[str, Any], __: Note) -> Outcome:
        """Stripe does what it is asked, and cuts the connection instead of answering."""
        await self._stripe.fault("drop", _CUT)
        return Outcome(f"Stripe does its next {_CUT} requests, and cuts the connection instead of answering.")

    async def poison(self, asked: Mapping[str, Any], note: Note) -> Outcome:
        """Put bytes on a topic that are no event, and wait for the dead letters."""
        topic = word({"topic": "order-events", **asked}, "topic", frozenset(system().topics))
        expected = [name for name, topics in system().consumers.items() if topic in topics]
        try:
            async with asyncio.timeout(_BUS_SECONDS):
                before = await _length(topic + SUFFIX)
                await _produce(topic, b"\x00 this is no event")
        except (TimeoutError, KafkaError):
            raise ActFailed("Kafka does not answer: start it first.") from None
        note(f"bytes that are no event are on {topic}: {', '.join(expected)} read it")
        give_up = time.monotonic() + _POISON_SECONDS
        letters = 0
        while letters < len(expected) and time.monotonic() < give_up:
            await asyncio.sleep(_POLL_SECONDS)
            letters = await _length(topic + SUFFIX) - before
        if letters < len(expected):
            raise ActFailed(f"{letters} of {len(expected)} consumers have put it aside so far.")
        return Outcome(
            f"{letters} consumers put it aside as a dead letter and went on: `argosy dlq list` shows it.",
            facts={"letters": letters},
        )

    async def undo(self, _: Mapping[str, Any], note: Note) -> Outcome:
        """Resume, start and heal whatever is broken, and wait until every part is ready."""
        words = await self._parts.words()
        for name in (one for one, state in words.items() if state == PAUSED and one in BREAKABLE):
            await self._signal(name, signal.SIGCONT)
            note(f"{name} goes on")
        for name in (one for one, state in words.items() if state == STOPPED):
            await asyncio.to_thread(self._parts.supervisor.start, self._parts.table[name])
            note(f"{name} is started")
        missing = await self._until_ready(self._parts.table, _READY_SECONDS)
        if missing:
            raise ActFailed(f"not ready within {_READY_SECONDS:.0f} s: {', '.join(missing)}")
        await self._stripe.behave()
        return Outcome("Every part is ready, and Stripe behaves.")

    async def stop_part(self, name: str) -> None:
        """Stop a part, also a frozen one."""
        await self._signal(name, signal.SIGCONT)
        if (await self._parts.words())[name] != STOPPED:
            await asyncio.to_thread(self._parts.supervisor.stop, self._parts.table[name])

    async def start_part(self, name: str, note: Note) -> float:
        """Start a part and wait until it is ready; returns the seconds that took. Raises ActFailed."""
        begun = time.monotonic()
        await self._signal(name, signal.SIGCONT)
        if (await self._parts.words())[name] == STOPPED:
            await asyncio.to_thread(self._parts.supervisor.start, self._parts.table[name])
            note(f"{name} starts")
        if await self._until_ready({name: None}, _READY_SECONDS):
            raise ActFailed(f"{name} is not ready within {_READY_SECONDS:.0f} s.")
        return time.monotonic() - begun

    async def kill_part(self, name: str) -> None:
        """kill -9 the process of a part. Raises ActFailed if there is none."""
        pid = await self._pid(name)
        if not pid:
            raise ActFailed(f"{name} does not run.")
        os.kill(pid, signal.SIGKILL)

    async def _until_ready(self, names: Mapping[str, object], seconds: float) -> list[str]:
        """Wait for these parts; returns those that are not ready when time is over."""
        give_up = time.monotonic() + seconds
        while True:
            words = await self._parts.words()
            missing = [name for name in names if words.get(name) != READY]
            if not missing or time.monotonic() > give_up:
                return missing
            await asyncio.sleep(_POLL_SECONDS)

    async def _pid(self, name: str) -> int:
        return (await asyncio.to_thread(self._parts.supervisor.states))[name].pid

    async def _signal(self, name: str, number: signal.Signals) -> bool:
        """Signal the process of a part and its children. False: it does not run."""
        pid = await self._pid(name)
        if not pid:
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            for one in (process, *process.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.send_signal(number)
        return True


async def _produce(topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(**kafka().options(), request_timeout_ms=int(_BUS_SECONDS * 1000))
    try:
        await producer.start()
        await producer.send_and_wait(topic, value, key=uuid.uuid4().hex.encode())
    finally:
        await producer.stop()


async def _length(topic: str) -> int:
    """How many records a topic has. Raises NoSystem."""
    return len([record async for record in records(kafka(), (topic,), from_beginning=True, follow=False)])
