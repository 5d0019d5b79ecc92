"""What an older version has left behind is put right by the migration that knows better."""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import uuid4

import services.payment
from services.chassis.data.postgres import Postgres

MIGRATIONS = Path(services.payment.__file__).parent / "migrations"


async def test_money_that_cancelled_orders_have_kept_is_looked_at(postgres_url: str, tmp_path: Path) -> None:
    for old in MIGRATIONS.glob("000*.sql"):
        shutil.copy(old, tmp_path)
    before = Postgres(postgres_url, "payment-old", tmp_path)
    await before.start()
    cancelled, late, confirmed, declined = uuid4(), uuid4(), uuid4(), uuid4()
    for order_id, status, is_late in (
        (cancelled, "succeeded", False),
        (late, "partially_refunded", True),
        (confirmed, "succeeded", False),
        (declined, "failed", False),
    ):
        await before.execute(
            "INSERT INTO payments (id, order_id, user_id, amount, status, payment_method, return_url, late)"
            " VALUES ($1, $2, $3, 59.98, $4, 'pm', 'http://127.0.0.1/', $5)",
            uuid4(),
            order_id,
            uuid4(),
            status,
            is_late,
        )
    for order_id in (cancelled, declined):
        await before.execute("INSERT INTO cancelled_orders (order_id) VALUES ($1)", order_id)
    await before.stop()
    after = Postgres(postgres_url, "payment-new", MIGRATIONS)
    await after.start()
    rows = await after.fetch("SELECT order_id, give_back, check_at IS NOT NULL AS due FROM payments")
    await after.stop()
    found = {row["order_id"]: (row["give_back"], row["due"]) for row in rows}
    assert found == {
        cancelled: (True, True),
        late: (True, True),
        confirmed: (False, False),
        declined: (False, False),
    }
