"""Payments, refunds and books of before currencies had decimals of their own are kept, to the letter."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import asyncpg

from services.chassis.data.migrations import migrate_in_background
from services.chassis.plain import ids
from services.chassis.plain.money import Money
from services.payment.adapters.payments import PostgresPayments
from services.payment.adapters.refunds import PostgresRefunds
from tests.integration.payment.conftest import MIGRATIONS

CURRENCIES = "0020.payment.currencies.sql"


async def test_what_was_booked_before_is_kept(postgres_url: str, tmp_path: Path) -> None:
    before = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, before, ignore=shutil.ignore_patterns(CURRENCIES))
    await migrate_in_background(postgres_url, before)
    connection = await asyncpg.connect(postgres_url)
    payment_id, refund_id = ids.new_id(), ids.new_id()
    await connection.execute(
        "INSERT INTO payments (id, order_id, user_id, amount, currency, status, payment_method, return_url,"
        " provider_fee, net_amount, settlement_currency)"
        " VALUES ($1, $1, $1, 59.98, 'USD', 'succeeded', 'pm_card_visa', 'x', 204, 5794, 'JPY')",
        payment_id,
    )
    await connection.execute(
        "INSERT INTO refunds (id, payment_id, amount, currency, reason) VALUES ($1, $2, 12.30, 'USD', 'a dent')",
        refund_id,
        payment_id,
    )
    await connection.execute(
        "INSERT INTO ledger_entries (payment_id, entry, amount, currency, stripe_id) "
        " VALUES ($1, 'capture', 59.98, 'USD', 'ch')",
        payment_id,
    )
    await migrate_in_background(postgres_url, MIGRATIONS)

    payment = await PostgresPayments(connection).find(payment_id)
    refund = await PostgresRefunds(connection).find(refund_id)
    assert payment is not None
    assert refund is not None
    assert (payment.amount.minor, payment.provider_fee, payment.net_amount) == (
        5998,
        Money(204, "JPY"),
        Money(5794, "JPY"),
    )
    assert refund.amount.minor == 1230
    assert str(await connection.fetchval("SELECT amount FROM ledger_entries")) == "59.98"
    await connection.execute("UPDATE payments SET net_amount = $1", Decimal("139777391.70"))
    await connection.close()
