"""Transient errors of the database: reported as Unavailable, retried, and never counted as a failure of the work."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from argosy.user.v1.user_pb2 import LogoutRequest
from services.chassis.bus.consumer import Consumer
from services.chassis.bus.events import Event
from services.chassis.bus.producer import Producer
from services.chassis.bus.reading import BEGINNING
from services.chassis.bus.relay import Relay
from services.chassis.data import idempotency
from services.chassis.data.housekeeping import Chore, Housekeeping
from services.chassis.data.idempotency import Outcome
from services.chassis.data.inbox import first_time
from services.chassis.data.outbox import publish
from services.chassis.data.postgres import Connection, Postgres
from services.chassis.data.postgres_outbox import PostgresOutbox
from services.chassis.plain import ids
from services.chassis.plain.errors import Unavailable
from services.chassis.process.resource import Impaired
from tests.integration.chassis.data.lab_events import Lab, on_topic, step
from tests.integration.chassis.data.lab_proxy import Proxy
from tests.integration.chassis.data.waiting import running, until
from tests.support.real_stack import RealStack

INSERT = "INSERT INTO effects (key, number) VALUES ($1, 1)"
KEPT = "SELECT count(*) FROM effects WHERE key = $1"

Trouble = Callable[[], contextlib.AbstractAsyncContextManager[None]]


@pytest.fixture
def key() -> str:
    """What one test writes under."""
    return uuid.uuid4().hex


@pytest.fixture
async def admin(real_stack: RealStack, postgres: Postgres) -> AsyncIterator[asyncpg.Connection]:
    """Somebody who may do anything, on another database of the same server."""
    assert postgres.name
    connection = await asyncpg.connect(real_stack.postgres_url("postgres"))
    yield connection
    await connection.close()


@pytest.fixture
def role(postgres_url: str) -> str:
    """The role of this module, and its database's name."""
    return postgres_url.rpartition("/")[2]


@pytest.fixture
def troubles(admin: asyncpg.Connection, role: str, postgres: Postgres) -> dict[str, Trouble]:
    """What may happen to a database and pass. Sessions that are open end with it, as in a failover."""

    async def end_sessions() -> None:
        await admin.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", role)

    @contextlib.asynccontextmanager
    async def altered(begin: str, end: str) -> AsyncIterator[None]:
        await admin.execute(begin)
        await end_sessions()
        try:
            yield
        finally:
            await admin.execute(end)

    return {
        "takes no writes": lambda: altered(
            f"ALTER DATABASE {role} SET default_transaction_read_only = on",
            f"ALTER DATABASE {role} RESET default_transaction_read_only",
        ),
        "password rotated": lambda: altered(
            f"ALTER ROLE {role} PASSWORD 'new'", f"ALTER ROLE {role} PASSWORD '{role}'"
        ),
        "too many connections": lambda: altered(
            f"ALTER ROLE {role} CONNECTION LIMIT 0", f"ALTER ROLE {role} CONNECTION LIMIT -1"
        ),
        "lets nobody in": lambda: altered(
            f"ALTER DATABASE {role} ALLOW_CONNECTIONS false", f"ALTER DATABASE {role} ALLOW_CONNECTIONS true"
        ),
        "disk full": lambda: refusing(postgres, "effects", "53100"),
        "out of memory": lambda: refusing(postgres, "effects", "53200"),
        "right taken away": lambda: refusing(postgres, "effects", "42501"),
    }


@contextlib.asynccontextmanager
async def refusing(postgres: Postgres, table: str, state: str, event: str = "INSERT") -> AsyncIterator[None]:
    """Let the server refuse to write to a table, with a SQLSTATE of ours."""
    name = f"refuse_{table}"
    await postgres.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '{state}'; END $$"
    )
    await postgres.execute(
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
    )
    try:
        yield
    finally:
        await postgres.execute(f"DROP FUNCTION {name} CASCADE")


NAMES = (
    "takes no writes",
    "password rotated",
    "too many connections",
    "lets nobody in",
    "disk full",
    "out of memory",
    "right taken away",
)


@pytest.mark.parametrize("name", NAMES)
async def test_is_unavailable_and_fails_the_check_until_it_has_passed(
    postgres: Postgres, troubles: dict[str, Trouble], key: str, name: str
) -> None:
    async with troubles[name]():
        for _ in range(3):
            with pytest.raises(Unavailable):
                await postgres.execute(INSERT, key)
        with pytest.raises((Unavailable, Impaired)):
            await postgres.check()
    await postgres.execute(INSERT, key)
    assert await postgres.fetchval(KEPT, key) == 1


@pytest.mark.parametrize(
    "state", ["25006", "40001", "40003", "40P01", "53000", "53300", "55P03", "57014", "57P01", "58030", "28000"]
)
async def test_a_state_that_passes_is_unavailable_and_nothing_stays(postgres: Postgres, key: str, state: str) -> None:
    async with refusing(postgres, "aggregates", state):
        with pytest.raises(Unavailable):
            await write_both(postgres, key)
    assert await postgres.fetchval(KEPT, key) == 0
    await write_both(postgres, key)


@pytest.mark.parametrize("state", ["P0001", "22003", "23514", "42703", "54000", "XX000", "0A000"])
async def test_a_lasting_error_is_raised_as_it_is(postgres: Postgres, key: str, state: str) -> None:
    async with refusing(postgres, "aggregates", state):
        with pytest.raises(asyncpg.PostgresError) as fault:
            await write_both(postgres, key)
    assert fault.value.sqlstate == state


async def write_both(postgres: Postgres, key: str) -> None:
    async with postgres.transaction() as connection:
        await connection.execute(INSERT, key)
        await connection.execute("INSERT INTO aggregates VALUES ($1)", key)


async def test_a_full_disk_is_named_and_takes_no_reads_away(postgres_url: str, postgres: Postgres, key: str) -> None:
    one = Postgres(postgres_url, "one")
    await one.start()
    await one.check()
    async with refusing(postgres, "effects", "53100"):
        with pytest.raises(Unavailable):
            await one.execute(INSERT, key)
        with pytest.raises(Impaired, match="53100"):
            await one.check()
        assert await one.fetchval(KEPT, key) == 0
    await one.stop()


async def test_connections_to_a_server_that_became_read_only_are_dropped(postgres_url: str, key: str) -> None:
    one = Postgres(postgres_url, "one", size=2)
    await one.start()
    await demote(one)
    with pytest.raises(Unavailable):
        await one.execute(INSERT, key)
    await asyncio.gather(one.execute(INSERT, key), one.execute(INSERT, key))

    await demote(one)
    with pytest.raises(Unavailable, match="no writes"):
        await one.check()
    await asyncio.gather(one.execute(INSERT, key), one.execute(INSERT, key))
    assert await one.fetchval(KEPT, key) == 4
    await one.stop()


async def demote(pool: Postgres) -> None:
    """Let both connections of a pool behave as if their server were the primary no more."""
    async with pool.connection() as one, pool.connection() as other:
        for connection in (one, other):
            await connection.execute("SET default_transaction_read_only = on")


async def test_new_connections_use_the_password_that_the_url_leads_to_now(
    postgres_url: str, admin: asyncpg.Connection, role: str, tmp_path: Path, key: str
) -> None:
    passfile = tmp_path / "passfile"
    passfile.touch(mode=0o600)
    passfile.write_text(f"*:*:*:*:{role}\n")
    one = Postgres(f"{postgres_url.replace(f':{role}@', '@')}?passfile={passfile}", "one")
    await one.start()
    await one.execute(INSERT, key)
    await admin.execute(f"ALTER ROLE {role} PASSWORD 'rotated'")
    try:
        await admin.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", role)
        with pytest.raises(Unavailable):
            await one.execute(INSERT, key)
        passfile.write_text("*:*:*:*:rotated\n")
        await one.execute(INSERT, key)
        assert await one.fetchval(KEPT, key) == 2
    finally:
        await admin.execute(f"ALTER ROLE {role} PASSWORD '{role}'")
    await one.stop()


async def test_a_table_that_changes_under_its_statements_makes_no_faults(postgres: Postgres, key: str) -> None:
    await postgres.execute("CREATE TABLE changing (key text, number int)")
    done = asyncio.Event()
    outcomes: list[str] = []

    async def work(read: Callable[[], Awaitable[object]]) -> None:
        while not done.is_set():
            try:
                await read()
                outcomes.append("read")
            except Unavailable:
                outcomes.append("unavailable")

    async def alone() -> None:
        await postgres.fetch("SELECT * FROM changing")

    async def in_a_transaction() -> None:
        async with postgres.transaction() as connection:
            await connection.execute("INSERT INTO changing (key) VALUES ($1)", key)
            await connection.fetch("SELECT * FROM changing WHERE key = $1", key)

    workers = [asyncio.create_task(work(read)) for read in (alone, in_a_transaction, in_a_transaction)]
    for number in range(20):
        await asyncio.sleep(0.02)
        kind = "bigint" if number % 2 else "int"
        await postgres.execute(f"ALTER TABLE changing ADD more{number} text, ALTER number TYPE {kind}")
    done.set()
    await asyncio.gather(*workers)
    assert "unavailable" in outcomes, "no change came between a statement and its plan"
    await in_a_transaction()
    await alone()
    # What a refused transaction had written is not there: a row for each that was not refused.
    assert await postgres.fetchval("SELECT count(*) FROM changing") <= outcomes.count("read") + 1


@pytest.mark.parametrize("name", ["takes no writes", "password rotated", "disk full"])
async def test_a_consumer_waits_and_writes_no_dead_letter(
    postgres: Postgres,
    producer: Producer,
    kafka_bootstrap: str,
    lab: Lab,
    troubles: dict[str, Trouble],
    key: str,
    name: str,
) -> None:
    group, tries = f"lab-{uuid.uuid4().hex}", 0

    async def handle(event: Event) -> None:
        nonlocal tries
        tries += 1
        async with postgres.transaction() as connection:
            if await first_time(connection, group, event.id):
                await connection.execute(INSERT, key)

    async def tried_often() -> bool:
        return tries >= 12

    async def all_handled() -> bool:
        with contextlib.suppress(Unavailable):
            return bool(await postgres.fetchval(KEPT, key) == 3)
        return False

    for number in range(3):
        await producer.send(lab.record(key, number))
    handlers = {lab.happened: handle}
    one = Consumer(kafka_bootstrap, group, handlers, producer, lab.registry, since=BEGINNING, first_pause=0.01, tries=2)
    async with troubles[name](), running(one.run):
        await until(tried_often)
    async with running(one.run):
        await until(all_handled)
        await one.check()
    assert await on_topic(kafka_bootstrap, f"{lab.topic}.dlq") == []


async def test_a_relay_whose_marks_are_refused_does_not_flood_the_bus_or_the_log(
    postgres: Postgres, producer: Producer, kafka_bootstrap: str, lab: Lab, key: str
) -> None:
    async with postgres.transaction() as connection:
        await publish(connection, lab.event(key, 1), key, key, 1)

    async def on_the_bus() -> int:
        return len(await on_topic(kafka_bootstrap, lab.topic))

    async def sent_again() -> bool:
        return await on_the_bus() >= 3

    async def marked() -> bool:
        return await postgres.fetchval("SELECT sent_at IS NOT NULL FROM outbox WHERE topic = $1", lab.topic) is True

    relay = Relay(PostgresOutbox(postgres, "lab").lease, producer)
    with capture_logs() as lines:
        async with running(relay.run):
            async with refusing(postgres, "outbox", "53100", "UPDATE"):
                await until(sent_again)
            await until(marked)
    lost = [line for line in lines if line["event"] == "relay_starts_over"]
    assert len(lost) == 1
    assert "53100" in lost[0]["error"]
    assert {step(lab.registry.decode(record)) for record in await on_topic(kafka_bootstrap, lab.topic)} == {(key, 1)}


async def test_a_chore_that_fails_keeps_none_of_the_others_from_being_done(postgres: Postgres, key: str) -> None:
    await postgres.execute(INSERT, key)

    async def prune(connection: Connection, _before: object, _limit: int) -> int:
        await connection.execute("DELETE FROM effects WHERE key = $1", key)
        return 0

    async def broken(connection: Connection, _before: object, _limit: int) -> int:
        await connection.execute("DELETE FROM nowhere")
        return 0

    chores = (Chore("nowhere", broken, timedelta()), Chore("effects", prune, timedelta()))
    async with refusing(postgres, "inbox", "53100", "DELETE"):
        await Housekeeping(postgres, *chores).once()
    assert await postgres.fetchval(KEPT, key) == 0


async def once(pool: Postgres, key: str) -> Outcome[LogoutRequest]:
    """A create that may be repeated."""

    async def effect(connection: Connection) -> LogoutRequest:
        await connection.execute(INSERT, key)
        return LogoutRequest()

    return await idempotency.once(pool, "lab", key, b"print", effect, LogoutRequest)


async def test_a_commit_that_is_cut_off_by_the_server_may_be_repeated(
    postgres: Postgres, admin: asyncpg.Connection, role: str, key: str
) -> None:
    await postgres.execute(
        "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$"
    )
    await postgres.execute(
        "CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON effects DEFERRABLE INITIALLY DEFERRED"
        f" FOR EACH ROW WHEN (NEW.key = '{key}') EXECUTE FUNCTION linger()"
    )
    committing = asyncio.create_task(once(postgres, key))

    async def ended() -> bool:
        return (
            await admin.fetchval(
                "SELECT bool_or(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = $1 AND wait_event = 'PgSleep' AND query ILIKE 'commit%'",
                role,
            )
            is True
        )

    await until(ended)
    with pytest.raises(Unavailable):
        await committing
    await postgres.execute("DROP FUNCTION linger CASCADE")
    assert await postgres.fetchval(KEPT, key) == 0
    assert not (await once(postgres, key)).replayed
    assert await postgres.fetchval(KEPT, key) == 1


async def test_a_commit_whose_answer_is_lost_may_be_repeated(postgres_url: str, postgres: Postgres, key: str) -> None:
    async with Proxy(postgres_url) as proxy:
        one = Postgres(proxy.url, "one")
        await one.start()
        proxy.lose_the_answer_to(b"COMMIT;")
        with pytest.raises(Unavailable):
            await once(one, key)
        assert proxy.lost
        assert await postgres.fetchval(KEPT, key) == 1
        assert (await once(one, key)).replayed
        assert await postgres.fetchval(KEPT, key) == 1
        await one.stop()


async def test_an_event_whose_commit_was_not_answered_takes_effect_once(
    postgres_url: str, postgres: Postgres, key: str
) -> None:
    event_id = ids.new_id()

    async def handle(pool: Postgres) -> None:
        async with pool.transaction() as connection:
            if await first_time(connection, "lab", event_id):
                await connection.execute(INSERT, key)

    async with Proxy(postgres_url) as proxy:
        one = Postgres(proxy.url, "one")
        await one.start()
        proxy.lose_the_answer_to(b"COMMIT;")
        with pytest.raises(Unavailable):
            await handle(one)
        assert proxy.lost
        await handle(one)
        await one.stop()
    assert await postgres.fetchval(KEPT, key) == 1
