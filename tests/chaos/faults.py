"""Makes one fault of a plan happen, and ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
import psutil
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from local import credentials
from local.ports import SERVICES
from local.supervision import Supervisor
from tests.chaos import clocks, disk, layout, plan
from tests.chaos.crashes import Crashes
from tests.chaos.network import Link, State
from tests.chaos.plan import ON_POSTGRES, Fault, Kind
from tests.support import bus
from tests.support.real_stack import RealStack
from tests.support.sandbox import Sandbox

POISON = b"poison-"
"""Keys of records that no consumer can read begin with this."""
_SPOILED = {
    Kind.STRIPE_FAILS: "error",
    Kind.STRIPE_FAILS_AFTER: "error_after",
    Kind.STRIPE_BUSY: "busy",
    Kind.STRIPE_UNAUTHORIZED: "unauthorized",
}
"""How the sandbox answers the next requests."""
_SPOILED_ANSWERS = 4
_BOUNCED = 2
_SLOW_SECONDS = 0.4
_RETRY_SECONDS = 0.5
_TRIES = 240
_REPLAY_SECONDS = 15.0

_LINK_STATES = {Kind.CUT: State.CUT, Kind.SLOW: State.SLOW, Kind.HALF_OPEN: State.HALF_OPEN}
_CONTROLS: dict[Kind, tuple[str, Any, Any]] = {
    Kind.STRIPE_SLOW: ("latency_seconds", 6.0, 0),
    Kind.WEBHOOKS_STOPPED: ("webhooks_stopped", True, False),
    Kind.WEBHOOKS_LOST: ("webhooks_lost", True, False),
    Kind.WEBHOOKS_DOUBLED: ("webhooks_duplicated", True, False),
    Kind.WEBHOOKS_SHUFFLED: ("webhooks_shuffled", True, False),
    Kind.WEBHOOKS_LATE: ("webhooks_delay_seconds", 8, 0),
}
"""A setting of the sandbox, what it is during the fault, and after it."""

Undo = Callable[[], Awaitable[None]]


def impossible(kind: Kind) -> str:
    """Why this machine cannot have such a fault; empty where it can."""
    needs = {Kind.FULL_DISK: disk.impossible, Kind.CLOCK: clocks.impossible}
    return needs[kind]() if kind in needs else ""


@dataclass
class Faults:
    """What faults need of the system under attack."""

    stack: RealStack
    links: dict[str, Link]
    sandbox: Sandbox
    crashes: Crashes
    poisoned: int = 0
    """How many records that nobody can read were put on topics."""
    complete: list[Fault] = field(default_factory=list)
    """Those that happened and lasted as long as they should."""
    _paused: set[int] = field(default_factory=set)

    async def happen(self, fault: Fault) -> None:
        """Let the fault begin, last and end."""
        async with self._lasting(fault):
            await asyncio.sleep(fault.seconds)
            self.complete.append(fault)

    def _lasting(self, fault: Fault) -> AbstractAsyncContextManager[None]:
        if fault.kind in _LINK_STATES:
            return self._link(fault.target, _LINK_STATES[fault.kind])
        if fault.kind is Kind.CRASH:
            return self.crashes.lasting(fault.target)
        if fault.kind in _CONTROLS:
            return self._controls(fault.kind)
        if fault.kind in _SPOILED:
            return self._at_once(self._stripe(self.sandbox.spoil_next(_SPOILED[fault.kind], _SPOILED_ANSWERS)))
        lasting = {
            Kind.PAUSE: self._paused_process,
            Kind.OUTAGE: self._stopped,
            Kind.READ_ONLY: self._read_only,
            Kind.FULL_DISK: self._full_disk,
            Kind.CLOCK: self._wrong_clock,
        }
        if fault.kind in lasting:
            return lasting[fault.kind](fault.target)
        at_once = {
            Kind.KILL: self._kill,
            Kind.POISON: self._poison,
            Kind.REPLAY: self._replay,
            Kind.WEBHOOKS_FORGED: self._forge,
            Kind.REFUNDS_BOUNCE: self._bounce,
        }
        return self._at_once(at_once.get(fault.kind, self._drop_answers)(fault.target))

    async def end_all(self) -> None:
        """Leave nothing behind: whatever a cancelled fault did is undone."""
        for pid in list(self._paused):
            self._continue([pid])
        for link in self.links.values():
            link.become(State.WHOLE)
        await self._stripe(self.sandbox.behave())
        disk.relieve(self.stack.stack)
        for instance in layout.INSTANCES:
            clocks.set_clock(self.stack.stack, instance, 0)
        for service in ON_POSTGRES:
            await self._insist(lambda service=service: self._set_read_only(service, "off"))  # type: ignore[misc]
        await asyncio.to_thread(self._start_all)

    @asynccontextmanager
    async def _at_once(self, work: Awaitable[None]) -> AsyncIterator[None]:
        await work
        yield

    async def _kill(self, part: str) -> None:
        for pid in await asyncio.to_thread(self._family, part):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    @asynccontextmanager
    async def _paused_process(self, part: str) -> AsyncIterator[None]:
        pids = await asyncio.to_thread(self._family, part)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                self._paused.add(pid)
        try:
            yield
        finally:
            self._continue(pids)

    def _continue(self, pids: Iterable[int]) -> None:
        for pid in pids:
            self._paused.discard(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    @asynccontextmanager
    async def _stopped(self, name: str) -> AsyncIterator[None]:
        """Both instances of a service, or the one process of another part, are away."""
        names = [name, f"{name}{layout.TWIN_SUFFIX}"] if name in SERVICES else [name]
        await asyncio.to_thread(self._each, names, Supervisor.stop)
        try:
            yield
        finally:
            await asyncio.to_thread(self._each, names, Supervisor.start)

    @asynccontextmanager
    async def _link(self, name: str, state: State) -> AsyncIterator[None]:
        self.links[name].become(state, _SLOW_SECONDS)
        try:
            yield
        finally:
            self.links[name].become(State.WHOLE)

    async def _poison(self, topic: str) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.stack.kafka_bootstrap)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(5):
                await producer.start()
                key = POISON + uuid.uuid4().hex.encode()
                await producer.send_and_wait(topic, b"\xff\xfe not an event", key=key)
                self.poisoned += 1
        with contextlib.suppress(Exception):
            await producer.stop()

    async def _replay(self, topic: str) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.stack.kafka_bootstrap)
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(_REPLAY_SECONDS):
                await producer.start()
                for record in reversed(await bus.records(self.stack, [topic])):
                    if not record.key.startswith(POISON):
                        await producer.send(topic, record.value, key=record.key, headers=list(record.headers))
                await producer.flush()
        with contextlib.suppress(KafkaError, OSError):
            await producer.stop()

    @asynccontextmanager
    async def _read_only(self, service: str) -> AsyncIterator[None]:
        with contextlib.suppress(OSError, asyncpg.PostgresError):
            await self._set_read_only(service, "on")
        try:
            yield
        finally:
            await self._insist(lambda: self._set_read_only(service, "off"))

    async def _set_read_only(self, service: str, value: str) -> None:
        connection = await asyncpg.connect(self.stack.postgres_url("postgres"), timeout=5)
        try:
            await connection.execute(f'ALTER DATABASE "{service}" SET default_transaction_read_only = {value}')
            # As a failover does: open connections end, new ones find the database as it is now.
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", service
            )
        finally:
            await connection.close()

    @asynccontextmanager
    async def _full_disk(self, _: str) -> AsyncIterator[None]:
        await asyncio.to_thread(disk.fill, self.stack.stack)
        try:
            yield
        finally:
            await asyncio.to_thread(disk.relieve, self.stack.stack)

    @asynccontextmanager
    async def _wrong_clock(self, target: str) -> AsyncIterator[None]:
        instance, seconds = plan.clock_of(target)
        clocks.set_clock(self.stack.stack, instance, seconds)
        try:
            yield
        finally:
            clocks.set_clock(self.stack.stack, instance, 0)

    @asynccontextmanager
    async def _controls(self, kind: Kind) -> AsyncIterator[None]:
        name, during, after = _CONTROLS[kind]
        await self._stripe(self.sandbox.control(**{name: during}))
        try:
            yield
        finally:
            await self._stripe(self.sandbox.control(**{name: after}))

    async def _stripe(self, ask: Awaitable[None]) -> None:
        """The sandbox may be away itself; its settings are lost by a restart."""
        with contextlib.suppress(httpx.TransportError, AssertionError):
            await ask

    async def _drop_answers(self, _: str) -> None:
        await self._stripe(self.sandbox.drop_next_answers(3))

    async def _bounce(self, _: str) -> None:
        """The newest refunds that succeeded; none before there are any."""

        async def bounce() -> None:
            refunds = await self.sandbox.refunds()
            for refund in [one for one in refunds if one["status"] == "succeeded"][:_BOUNCED]:
                await self.sandbox.bounce(refund["id"])

        await self._stripe(bounce())

    async def _forge(self, _: str) -> None:
        body = b'{"id": "evt_forged", "type": "payment_intent.succeeded", "data": {"object": {}}}'
        forged = f"t={int(time.time())},v1={'0' * 64}"
        async with httpx.AsyncClient(timeout=5) as http:
            with contextlib.suppress(httpx.TransportError):
                answer = await http.post(
                    f"{self.stack.edge_url}/api/v1/webhooks/stripe",
                    content=body,
                    headers={"Stripe-Signature": forged, "Content-Type": "application/json"},
                )
                if answer.status_code == 200:
                    raise AssertionError("a forged webhook was accepted")

    async def _insist(self, work: Callable[[], Awaitable[None]]) -> None:
        for _ in range(_TRIES):
            try:
                await work()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return
        raise TimeoutError("the database does not come back")

    def _family(self, part: str) -> list[int]:
        """The process of a part and its children; nobody while it is being started anew."""
        pid = Supervisor(self.stack.stack).states()[part].pid
        if not pid:
            return []
        with contextlib.suppress(psutil.NoSuchProcess):
            return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
        return []

    def _each(self, names: Iterable[str], do: Callable[[Supervisor, Any], None]) -> None:
        table = {part.name: part for part in self._table()}
        for name in names:
            with contextlib.suppress(Exception):  # it is so already
                do(Supervisor(self.stack.stack), table[name])

    def _start_all(self) -> None:
        states = Supervisor(self.stack.stack).states()
        self._each((part.name for part in self._table() if part.ready and states[part.name].idle), Supervisor.start)

    def _table(self) -> list[Any]:
        return list(layout.parts(self.stack.stack, credentials.read(self.stack.stack.secrets)))
