"""Housekeeping: what is over its time goes, what is not stays."""

from __future__ import annotations

from datetime import datetime, timedelta

from argosy.event.v1 import user_events_pb2
from services.chassis.data import idempotency, inbox, outbox
from services.chassis.data.housekeeping import Chore, Housekeeping
from services.chassis.data.postgres import Connection, Postgres
from services.chassis.plain import ids

EACH = 25


async def test_deletes_what_is_over_its_time_alone(postgres: Postgres) -> None:
    await fill(postgres)
    await postgres.execute("UPDATE outbox SET sent_at = now() - interval '25 h' WHERE position % 5 = 0")
    await postgres.execute("UPDATE outbox SET sent_at = now() - interval '23 h' WHERE position % 5 = 1")
    await postgres.execute("UPDATE outbox SET occurred_at = now() - interval '9 d' WHERE position % 5 = 2")
    await age(postgres, "inbox", "processed_at", "92 d")
    await age(postgres, "idempotency_keys", "created_at", "25 h")
    await Housekeeping(postgres, batch=3).once()
    left = [await postgres.fetchval(f"SELECT count(*) FROM {t}") for t in ("outbox", "inbox", "idempotency_keys")]
    assert left == [EACH - EACH // 5, EACH - 10, EACH - 10]
    assert await postgres.fetchval("SELECT count(*) FROM outbox WHERE sent_at IS NULL") == EACH * 3 // 5


async def test_does_a_services_own_chores_as_well(postgres: Postgres) -> None:
    await postgres.execute("TRUNCATE effects")
    await postgres.execute("INSERT INTO effects (key, number) SELECT 'x', generate_series(1, 10)")
    instants: list[datetime] = []

    async def prune(connection: Connection, before: datetime, limit: int) -> int:
        instants.append(before)
        some = "SELECT at FROM effects WHERE number <= 7 LIMIT $1"
        tag = await connection.execute(f"DELETE FROM effects WHERE at IN ({some})", limit)
        return int(tag.split()[1])

    await Housekeeping(postgres, Chore("effects", prune, timedelta(hours=3)), batch=3).once()
    assert await postgres.fetchval("SELECT count(*) FROM effects") == 3
    assert len(instants) == 3  # 3, 3 and 1: a batch that is not full is the last
    assert instants[0] < datetime.now(instants[0].tzinfo) - timedelta(hours=3)


async def fill(postgres: Postgres) -> None:
    async with postgres.transaction() as connection:
        for _ in range(EACH):
            await outbox.publish(connection, user_events_pb2.UserDeleted(user_id="x"), "x", "x")
            await inbox.first_time(connection, "some", ids.new_id())
            await idempotency.claim(connection, "lab", str(ids.new_id()), b"")


async def age(postgres: Postgres, table: str, column: str, by: str) -> None:
    """Let ten rows be old."""
    await postgres.execute(
        f"UPDATE {table} SET {column} = now() - interval '{by}' WHERE ctid IN (SELECT ctid FROM {table} LIMIT 10)"
    )
