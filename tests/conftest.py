"""Fixtures over real parts. Ask for the least you need: each starts its parts at the first use, for the whole run.

| fixture | scope | what it gives |
| --- | --- | --- |
| `postgres_url` | module | a fresh, empty PostgreSQL database with an owner of its own |
| `mongo_url` | module | a fresh, empty database of the document store |
| `kafka_bootstrap` | session | a broker with the declared topics, which no service of the stack hears of |
| `make_topic` | session | `await make_topic(partitions=1)` → the name of a new topic |
| `mail_sink` | session | the stack, with the mail sink up (`.smtp_url`, `.mail_url`) |
| `stripe_sandbox` | session | the stack, with the Stripe sandbox up (`.stripe_url`, `.secrets`) |
| `stack` | session | everything, edge and services included; see tests/support/real_stack.py |
| `shop` | session | the stack's edge as customers and staff call it; see tests/support/shop.py |
| `scaled_stack` | module | a second one of everything, on which orders wait, and holds last, for seconds |

The run starts with fresh data and leaves it behind for inspection (`.local/test`); nothing is left running.
Tests and fixtures share one event loop, so an async fixture of any scope can hand out what it opened.
`make test` runs two workers (pytest-xdist), each with stacks of its own, and gives each whole files.
Two runs at once: give one of them `ARGOSY_TEST_OFFSET=5000`.
"""

import re
import signal
import time
import uuid
from collections.abc import AsyncIterator, Iterator

import psutil
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from motor.motor_asyncio import AsyncIOMotorClient

from facts.system import EDGE, system
from tests.support import crash_points
from tests.support.fresh_database import fresh_database
from tests.support.real_stack import (
    MakeTopic,
    RealStack,
    bus_beside,
    lock,
    scaled_beside,
    stack_of_this_run,
    stack_of_worker,
)
from tests.support.shop import Shop


def pytest_configure() -> None:
    """SIGTERM ends a run like Ctrl-C: fixtures still clean up."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_keyboard_interrupt() -> None:
    """Stop what was started, also by workers: pytest-xdist kills them after seconds, too soon for their fixtures."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_IGN)
    workers = [one for one in psutil.Process().children() if _WORKER in " ".join(one.cmdline())]
    for worker in workers:
        worker.terminate()
    give_up = time.monotonic() + _STOPPING_SECONDS
    for number in range(len(workers)):
        while (held := lock(stack_of_worker(number))) is None and time.monotonic() < give_up:
            time.sleep(0.5)
        if held is not None:
            held.close()


_WORKER = "exec(eval(sys.stdin.readline()))"
"""In the command of a worker (execnet)."""
_STOPPING_SECONDS = 120


_COMPARING = ("order", "payment", "inventory", "notification")
"""The services that compare their stores with their neighbours'."""
_SETTINGS = (
    # One machine makes all calls: the limits of a caller would be the limits of a run.
    "edge.RATE_LIMIT_MULTIPLIER=1000",
    # A rotated key signs within a test's patience, and yet later than the edge (30 s) has fetched it.
    "user.TOKEN_KEY_SETTLE_SECONDS=60",
    # However slow the machine, nothing ends by itself because a test takes long.
    "order.UNPAID_AFTER_SECONDS=7200",
    "payment.CHALLENGE_TIMEOUT_SECONDS=7200",
    "inventory.HOLD_SECONDS=9000",
    # Tests of lists and of load place many orders that nobody pays.
    "inventory.UNPAID_ORDERS_PER_CUSTOMER=1000",
    # Nothing is compared while a test breaks stores by hand or expects no change: tests call `argosy reconcile`,
    # or start an instance that compares often.
    *(f"{service}.COMPARE_EVERY_SECONDS=7200" for service in _COMPARING),
    # A part that was killed is asked again as soon as it is back.
    "notification.SMTP_LEAVE_ALONE_SECONDS=2",
    "payment.STRIPE_LEAVE_ALONE_SECONDS=2",
    # One that died while it asked for a payment holds it up for three tries.
    "payment.STRIPE_TIMEOUT_SECONDS=5",
    # The sandbox's search shows everything at once.
    "payment.STRIPE_SEARCH_LAG_SECONDS=5",
)


SCALED_HOLD_SECONDS = 14
"""How long an unused hold lasts on the scaled stack."""

_SCALED = (
    *_SETTINGS,
    f"inventory.HOLD_SECONDS={SCALED_HOLD_SECONDS}",
    "inventory.EXPIRE_EVERY_SECONDS=1",
    "order.UNPAID_AFTER_SECONDS=12",
    "order.SWEEP_EVERY_SECONDS=2",
    *(
        f"{service}.{setting}"
        for service in _COMPARING
        for setting in ("COMPARE_EVERY_SECONDS=6", "COMPARE_SETTLED_SECONDS=10")
    ),
)


def _of_this_system(settings: tuple[str, ...]) -> tuple[str, ...]:
    """Those of parts that there are: a service may have been taken out."""
    return tuple(one for one in settings if one.partition(".")[0] in {*system().names, EDGE})


@pytest.fixture(scope="session")
def real_stack() -> Iterator[RealStack]:
    """The test stack with nothing started yet; whatever was started is stopped at the end."""
    stack = stack_of_this_run()
    held = lock(stack)
    if held is None:
        pytest.exit(f"Another test run uses {stack.data}: set ARGOSY_TEST_OFFSET to a number of your own.", 2)
    real = RealStack(stack, _of_this_system(_SETTINGS))
    with held:
        real.command("reset", "--yes")
        try:
            yield real
        finally:
            real.command("down")


@pytest.fixture(scope="session")
def stack(real_stack: RealStack) -> RealStack:
    """Everything is up and ready."""
    real_stack.up()
    return real_stack


@pytest.fixture(scope="session")
async def shop(stack: RealStack) -> AsyncIterator[Shop]:
    """Calls through the edge."""
    async with Shop(stack) as shop:
        yield shop


@pytest.fixture(scope="module")
def scaled_stack(real_stack: RealStack) -> Iterator[RealStack]:
    """A whole stack of its own on which what takes minutes takes seconds; any part of it may be stopped for a while.

    It goes with its module: it is never idle, and would slow down all tests that follow. Its services have crash points
    (tests/support/crash_points.py).
    """
    stack = scaled_beside(real_stack.stack)
    scaled = RealStack(stack, (*_of_this_system(_SCALED), *crash_points.settings(stack)))
    scaled.command("reset", "--yes")
    crash_points.make_directories(stack, crash_points.points())
    try:
        scaled.up()
        yield scaled
    finally:
        scaled.command("down")


@pytest.fixture(scope="session")
def mail_sink(real_stack: RealStack) -> RealStack:
    """The mail sink is up."""
    real_stack.up("mail")
    return real_stack


@pytest.fixture(scope="session")
def stripe_sandbox(real_stack: RealStack) -> RealStack:
    """The Stripe sandbox is up."""
    real_stack.up("stripe")
    return real_stack


@pytest.fixture(scope="module")
async def postgres_url(real_stack: RealStack, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A database that this module has to itself; its owner is no superuser."""
    async with fresh_database(real_stack, _fresh_name(request)) as url:
        yield url


@pytest.fixture(scope="module")
async def mongo_url(real_stack: RealStack, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A database that this module has to itself."""
    real_stack.up("ferretdb")
    name = _fresh_name(request)
    yield real_stack.mongo_url(name)
    client: AsyncIOMotorClient[dict[str, object]] = AsyncIOMotorClient(real_stack.mongo_url(name))
    await client.drop_database(name)
    client.close()


@pytest.fixture(scope="session")
def kafka_bootstrap(real_stack: RealStack) -> Iterator[str]:
    """The address of a broker beside the stack's: what is put on the declared topics there is taken for true by nobody.

    Other tests use them too: distinguish your events by their keys.
    """
    beside = RealStack(bus_beside(real_stack.stack))
    beside.command("reset", "--yes")
    try:
        beside.up("topics")
        yield beside.kafka_bootstrap
    finally:
        beside.command("down")


@pytest.fixture(scope="session")
async def make_topic(kafka_bootstrap: str) -> AsyncIterator[MakeTopic]:
    """Makes topics that a test has to itself."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()

    async def make(partitions: int = 1) -> str:
        name = f"test-{uuid.uuid4().hex}"
        # Tests date records back; the broker, which looks every five minutes, would delete those for their age.
        await admin.create_topics([NewTopic(name, partitions, 1, topic_configs={"retention.ms": "-1"})])
        return name

    try:
        yield make
    finally:
        await admin.close()


def _fresh_name(request: pytest.FixtureRequest) -> str:
    """A name for a database that contains the name of the test module."""
    module = re.sub(r"\W+", "_", request.path.stem).lower()
    return f"{module[:40]}_{uuid.uuid4().hex[:8]}"
