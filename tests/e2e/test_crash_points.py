"""Every process dies once at every crash point that it has, and comes back; nothing is lost, nothing happens twice.

On the stack on which time runs fast. Points are armed one after the other, as soon as a service has come back from its
last death; what is reached seldom stays armed meanwhile. What nobody has come to in the end fails the test.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import asyncpg
import grpc
import httpx
import pytest
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from local.ports import SERVICES
from tests.chaos import checker, record_rules
from tests.chaos.customers import SCARCE, Customer
from tests.chaos.dashboard import Dashboard
from tests.chaos.faults import POISON
from tests.chaos.record import Record
from tests.chaos.staff import Staff
from tests.chaos.visitor import GaveUp
from tests.support import bus, crash_points, invariants
from tests.support.crash_points import COMMANDS
from tests.support.crash_scenarios import CALM, CROWD, Commands, People
from tests.support.invariants import Baseline
from tests.support.real_stack import RealStack
from tests.support.shop import Shop

pytestmark = [pytest.mark.long, pytest.mark.timeout(0)]

_CUSTOMERS = 3
_MORE_ACCOUNTS = 3
"""The user service has many points and one scenario, the first: it goes on several times at once."""
_CROWD_SECONDS = 1500.0
_CALM_SECONDS = 600.0
"""How long nobody may have died at some point. Generous: the machine may be busy; each ends as soon as all have."""
_LOOK_SECONDS = 0.25
_READS = {
    "user": "/users/me",
    "order": "/orders",
    "payment": "/payments",
    "inventory": "/products/prod-123",
    "notification": "/notifications",
}
"""What each service answers as soon as it is back."""
_CALM_POINTS = (
    *("payment.unanswered.", "payment.refund_unanswered.", "payment.unknown_at_stripe."),
    *("payment.first_answer.", "payment.give_up_refund.", "stripe.search."),
)
_EXPECTED = (
    *(AssertionError, GaveUp, KeyError, IndexError, OSError, TimeoutError),
    *(asyncpg.PostgresError, asyncpg.InterfaceError, grpc.aio.AioRpcError, httpx.TransportError),
    *(KafkaError, PyMongoError),
)
"""What a scenario may meet while parts die; it is tried again."""


@pytest.fixture(scope="module")
async def fast_shop(scaled_stack: RealStack) -> AsyncIterator[Shop]:
    async with Shop(scaled_stack) as shop:
        yield shop


@pytest.fixture(autouse=True)
async def well_behaved_stripe(fast_shop: Shop) -> AsyncIterator[None]:
    """The one of this stack; the run's own need not be up."""
    yield
    await fast_shop.sandbox.behave()


class Deaths:
    """Arms points, and counts where the services have died."""

    def __init__(self, people: People, wanted: Mapping[str, Iterable[str]]) -> None:
        self._places = {service: crash_points.directory(people.stack.stack, service) for service in wanted}
        self._edge = f"{people.stack.edge_url}/api/v1"
        self._headers = {"Authorization": f"Bearer {people.staff.token}"}
        self._left = {service: list(names) for service, names in wanted.items()}
        self.died: dict[str, set[str]] = {service: set() for service in wanted}
        self._over = False
        self._wanted = {service: set(names) for service, names in wanted.items()}

    async def run(self, seconds: float) -> None:
        """Return when every service has died at each of its points, or after so long."""
        give_up = time.monotonic() + seconds
        async with httpx.AsyncClient(timeout=2) as http:
            while any(self.missing().values()) and time.monotonic() < give_up:
                for service in self._places:
                    await self._arm_next(http, service)
                await asyncio.sleep(_LOOK_SECONDS)

    def missing(self) -> dict[str, list[str]]:
        """Where each service has not died yet."""
        for service, place in self._places.items() if not self._over else ():
            self.died[service] = self._wanted[service] - set(self._left[service]) - place.armed()
        return {service: sorted(self._wanted[service] - died) for service, died in self.died.items()}

    def missing_of(self, beginnings: tuple[str, ...]) -> list[str]:
        """The same of all services, of the points whose names begin so."""
        return [name for names in self.missing().values() for name in names if name.startswith(beginnings)]

    def disarm(self) -> None:
        """Nobody dies any more."""
        self.missing()
        self._over = True
        for place in self._places.values():
            for name in place.armed():
                place.disarm(name)

    async def _arm_next(self, http: httpx.AsyncClient, service: str) -> None:
        if not self._left[service]:
            return
        try:
            answer = await http.get(self._edge + _READS[service], headers=self._headers)
        except httpx.TransportError:
            return
        if answer.is_success:  # also the edge has seen that it is back: callers get through before it dies again
            self._places[service].arm(self._left[service].pop())


Scenario = Callable[[People], Awaitable[None]]


async def _again_and_again(
    people: People, scenario: Scenario, deaths: Deaths, points: tuple[str, ...], stop: asyncio.Event
) -> None:
    while not stop.is_set() and deaths.missing_of(points):
        try:
            await scenario(people)
            people.done[scenario.__name__] += 1
        except _EXPECTED as error:
            people.done[f"{scenario.__name__} stumbled: {error!r:.160}"] += 1
        await asyncio.sleep(people.chance.uniform(0.2, 1.0))


async def _people(stack: RealStack, shop: Shop, record: Record) -> People:
    staff, chance, done = await shop.register_staff(), random.Random(1), Counter[str]()
    product = {"id": SCARCE, "name": "Last pieces", "description": "", "price": 10, "currency": "USD"}
    await shop.call("POST", "/products", product, token=staff.token)
    registered = [await shop.register() for _ in range(_CUSTOMERS)]
    customers = [
        Customer(f"customer-{number}", one.token, shop, record, chance, done) for number, one in enumerate(registered)
    ]
    helper = Staff("staff", staff.token, shop, record, chance, done, customers=customers)
    return People(stack, shop, record, helper, customers, done, chance)


async def _crowd(people: People, deaths: Deaths) -> None:
    stop = asyncio.Event()
    scenarios = [(scenario, deaths, points) for scenario, points in CROWD.items()]
    scenarios += [scenarios[0]] * _MORE_ACCOUNTS
    tasks = [
        *(asyncio.create_task(_again_and_again(people, *each, stop)) for each in scenarios),
        *(asyncio.create_task(customer.run(stop)) for customer in people.customers),
        asyncio.create_task(people.staff.run(stop)),
        asyncio.create_task(Dashboard(people.shop.sandbox, people.chance, people.done).run(stop)),
    ]
    try:
        await deaths.run(_CROWD_SECONDS)
        stop.set()
        deaths.disarm()
        await asyncio.gather(*tasks)
    finally:
        await _cancelled(tasks)


async def _calm(people: People, deaths: Deaths) -> None:
    stop = asyncio.Event()
    one_by_one = asyncio.create_task(_one_by_one(people, stop))
    try:
        await deaths.run(_CALM_SECONDS)
        stop.set()
        deaths.disarm()
        await one_by_one
    finally:
        await _cancelled([one_by_one])


async def _cancelled(tasks: Collection[asyncio.Task[None]]) -> None:
    """What is left of them ends, too, when a test is cut short."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _one_by_one(people: People, stop: asyncio.Event) -> None:
    while not stop.is_set():
        for scenario in CALM:
            try:
                await scenario(people)
            except _EXPECTED as error:
                people.done[f"{scenario.__name__} stumbled: {error!r:.160}"] += 1
            await people.shop.sandbox.behave()


def _shuffled(names: Iterable[str]) -> list[str]:
    found = sorted(names)
    random.Random(1).shuffle(found)
    return found


@pytest.fixture
async def record(tmp_path: Path) -> AsyncIterator[Record]:
    record = Record(tmp_path / "requests.jsonl")
    yield record
    record.close()


@pytest.fixture
async def people(scaled_stack: RealStack, fast_shop: Shop, record: Record) -> People:
    """Customers and staff who have done nothing yet."""
    return await _people(scaled_stack, fast_shop, record)


@pytest.fixture
async def before(people: People) -> Baseline:
    """How things stood before each of these tests. Letters of poison count from the beginning, as the checker does."""
    found = await invariants.baseline(people.stack)
    letters = await bus.records(people.stack, bus.DEAD_LETTERS)
    poisoned = sum(letter.key.startswith(POISON) for letter in letters)
    return replace(found, dead_letters=found.dead_letters - poisoned)


async def test_every_command_dies_at_every_point_and_can_be_repeated(
    people: People, before: Baseline, tmp_path: Path
) -> None:
    await Commands(people, tmp_path).all()
    await _all_is_well(people, before)
    place = crash_points.directory(people.stack.stack, COMMANDS)
    assert (place.armed(), set(crash_points.points()[COMMANDS]) - place.reached()) == (set(), set())


async def test_every_service_dies_at_every_point_and_nothing_is_lost(people: People, before: Baseline) -> None:
    everything = {service: set(crash_points.points()[service]) for service in SERVICES}
    seldom = {name for name in everything["payment"] if name.startswith(_CALM_POINTS)}
    often = {service: _shuffled(names - seldom) for service, names in everything.items()}
    crowd, calm = Deaths(people, often), Deaths(people, {"payment": _shuffled(seldom)})
    began = time.monotonic()
    await _crowd(people, crowd)
    crowded = time.monotonic()
    await _calm(people, calm)
    print(f"crowd {crowded - began:.0f} s, calm {time.monotonic() - crowded:.0f} s")
    print("\n".join(f"{count:4} {what}" for what, count in sorted(people.done.items())))
    reached = {service: crash_points.directory(people.stack.stack, service).reached() for service in SERVICES}
    print(_report(everything, reached))
    await _all_is_well(people, before)
    missing = crowd.missing()
    missing["payment"] += calm.missing()["payment"]
    assert missing == {service: [] for service in SERVICES}, "all have died at each of their points"
    assert {service: names - reached[service] for service, names in everything.items()} == {
        service: set() for service in SERVICES
    }


async def _all_is_well(people: People, before: Baseline) -> None:
    found = await checker.settle(people.stack, before, checker.Limits(), expired_by_hand=people.expired_by_hand)
    assert record_rules.broken(people.record.exchanges, found) == []


def _report(everything: Mapping[str, Collection[str]], reached: Mapping[str, set[str]]) -> str:
    return "\n".join(
        f"{process}: {len(reached[process] & set(names))} of {len(names)} points reached"
        for process, names in everything.items()
    )
