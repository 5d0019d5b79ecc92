"""Providers in the tables: what was there is Stripe's, and a version that does not know of providers runs beside."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from services.chassis.data.migrations import migrate_in_background
from services.chassis.plain import ids
from tests.integration.payment.conftest import MIGRATIONS

SINCE_PROVIDERS = "09*.sql"
OLD_PAYMENT = (
    "INSERT INTO payments (id, order_id, user_id, amount, currency, status, payment_method, return_url,"
    " stripe_payment_intent_id) VALUES ($1, $1, $1, 59.98, 'USD', $3, 'pm_card_visa', 'x', $2)"
)
OLD_REFUND = (
    "INSERT INTO refunds (id, payment_id, amount, currency, reason, stripe_refund_id)"
    " VALUES ($1, $2, 12.30, 'USD', 'a dent', $3)"
)
OLD_LINE = (
    "INSERT INTO ledger_entries (payment_id, entry, amount, currency, stripe_id) VALUES ($1, 'capture', 1, 'USD', $2)"
)

OLD_DISPUTE = (
    "INSERT INTO disputes (stripe_dispute_id, payment_id, amount, currency, reason, status, state)"
    " VALUES ($1, $2, 1, 'USD', 'general', 'won', 'won') ON CONFLICT (stripe_dispute_id) DO UPDATE SET"
    " amount = excluded.amount WHERE disputes.state NOT IN ('won', 'lost')"
)
OLD_WEBHOOK = "INSERT INTO processed_webhook_events (event_id, type) VALUES ($1, 't') ON CONFLICT DO NOTHING"


@pytest.fixture
async def connection(postgres_url: str, tmp_path: Path) -> AsyncIterator[asyncpg.Connection]:
    """A database as the version before left it, with one payment, and then migrated."""
    before = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, before, ignore=shutil.ignore_patterns(SINCE_PROVIDERS))
    await migrate_in_background(postgres_url, before)
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


async def references(connection: asyncpg.Connection, table: str, row_id: UUID) -> tuple[str, str | None, str | None]:
    ours = {"payments": "stripe_payment_intent_id", "refunds": "stripe_refund_id"}[table]
    row = await connection.fetchrow(f"SELECT provider, provider_reference, {ours} FROM {table} WHERE id = $1", row_id)
    return tuple(row)


async def test_both_versions_write_and_each_reads_what_the_other_wrote(
    connection: asyncpg.Connection, postgres_url: str
) -> None:
    kept, open_, refund = ids.new_id(), ids.new_id(), ids.new_id()
    await connection.execute(OLD_PAYMENT, kept, "pi_kept", "succeeded")
    await connection.execute(OLD_PAYMENT, open_, None, "processing")
    await connection.execute(OLD_REFUND, refund, kept, None)
    await connection.execute(OLD_LINE, kept, "ch_kept")
    touched = await connection.fetchval("SELECT updated_at FROM payments WHERE id = $1", kept)
    await migrate_in_background(postgres_url, MIGRATIONS)

    assert await references(connection, "payments", kept) == ("stripe", "pi_kept", "pi_kept")
    assert await references(connection, "payments", open_) == ("stripe", None, None)
    assert await connection.fetchval("SELECT updated_at FROM payments WHERE id = $1", kept) == touched
    lines = "SELECT provider, provider_reference, stripe_id FROM ledger_entries"
    assert tuple(await connection.fetchrow(lines)) == ("stripe", "ch_kept", "ch_kept")
    with pytest.raises(asyncpg.RestrictViolationError):
        await connection.execute("UPDATE ledger_entries SET provider_reference = 'x'")

    # The version before, in the middle of a rolling deployment.
    await connection.execute("UPDATE payments SET stripe_payment_intent_id = 'pi_old' WHERE id = $1", open_)
    await connection.execute("UPDATE refunds SET stripe_refund_id = 're_old' WHERE id = $1", refund)
    await connection.execute(OLD_LINE, kept, "ch_old")
    assert await references(connection, "payments", open_) == ("stripe", "pi_old", "pi_old")
    assert await references(connection, "refunds", refund) == ("stripe", "re_old", "re_old")
    new = ids.new_id()
    await connection.execute(OLD_PAYMENT, new, "pi_inserted", "succeeded")
    assert await references(connection, "payments", new) == ("stripe", "pi_inserted", "pi_inserted")

    # This version.
    await connection.execute("UPDATE payments SET provider_reference = 'pi_new' WHERE id = $1", open_)
    await connection.execute("UPDATE refunds SET provider_reference = 're_new' WHERE id = $1", refund)
    await connection.execute(
        "INSERT INTO ledger_entries (payment_id, entry, amount, currency, provider, provider_reference)"
        " VALUES ($1, 'fee', 1, 'USD', 'stripe', 'txn_new')",
        kept,
    )
    assert await references(connection, "payments", open_) == ("stripe", "pi_new", "pi_new")
    assert await references(connection, "refunds", refund) == ("stripe", "re_new", "re_new")
    assert [row["stripe_id"] for row in await connection.fetch(f"{lines} ORDER BY id")] == [
        "ch_kept",
        "ch_old",
        "txn_new",
    ]


async def test_the_version_before_writes_disputes_and_webhooks_of_stripe(
    connection: asyncpg.Connection, postgres_url: str
) -> None:
    payment = ids.new_id()
    await connection.execute(OLD_PAYMENT, payment, "pi_1", "succeeded")
    await connection.execute(OLD_DISPUTE, "dp_kept", payment)
    await connection.execute(OLD_WEBHOOK, "evt_kept")
    await migrate_in_background(postgres_url, MIGRATIONS)
    for _ in range(2):
        await connection.execute(OLD_DISPUTE, "dp_old", payment)
        await connection.execute(OLD_WEBHOOK, "evt_old")
    for provider in ("stripe", "other"):
        await connection.execute(
            "INSERT INTO disputes (provider, provider_reference, payment_id, amount, currency, reason, status, state)"
            " VALUES ($1, 'dp_new', $2, 1, 'USD', 'general', 'won', 'won')",
            provider,
            payment,
        )
        await connection.execute(
            "INSERT INTO processed_webhook_events (provider, event_id, type) VALUES ($1, 'evt_new', 't')", provider
        )
    disputes = await connection.fetch(
        "SELECT provider, provider_reference, stripe_dispute_id FROM disputes ORDER BY provider_reference, provider"
    )
    assert [tuple(row) for row in disputes] == [
        ("stripe", "dp_kept", "dp_kept"),
        ("other", "dp_new", None),
        ("stripe", "dp_new", "dp_new"),
        ("stripe", "dp_old", "dp_old"),
    ]
    webhooks = await connection.fetch("SELECT provider, event_id FROM processed_webhook_events ORDER BY 2, 1")
    assert [tuple(row) for row in webhooks] == [
        ("stripe", "evt_kept"),
        ("other", "evt_new"),
        ("stripe", "evt_new"),
        ("stripe", "evt_old"),
    ]


async def test_a_reference_is_unique_with_its_provider_and_only_stripes_is_in_the_old_column(
    connection: asyncpg.Connection, postgres_url: str
) -> None:
    await migrate_in_background(postgres_url, MIGRATIONS)
    first, other = ids.new_id(), ids.new_id()
    await connection.execute(OLD_PAYMENT, first, "1", "failed")
    await connection.execute(OLD_PAYMENT, other, None, "failed")
    await connection.execute("UPDATE payments SET provider = 'other', provider_reference = '1' WHERE id = $1", other)
    assert await references(connection, "payments", other) == ("other", "1", None)
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute(OLD_PAYMENT, ids.new_id(), "1", "failed")
