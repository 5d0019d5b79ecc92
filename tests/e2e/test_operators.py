"""What operators see of a running stack with the command line alone."""

from __future__ import annotations

from typing import Any

from facts.system import system
from tests.support.argosy import argosy
from tests.support.real_stack import RealStack
from tests.support.shop import Customer, until


async def test_top_counts_the_calls_of_every_service(stack: RealStack, customer: Customer) -> None:
    await customer.get("/products/prod-123")

    async def look() -> dict[str, dict[str, Any]]:
        answer = await argosy("top", "--every", "0.5", "--count", "1", "--json", environment=stack.stack.environment)
        return {row["service"]: row for row in answer.rows}

    # What an earlier test has broken may not be whole yet.
    rows = await until(look, lambda rows: {row["state"] for row in rows.values()} == {"serving"}, "all are serving")
    assert set(rows) == {*system().names}
    assert all(row["memory_mb"] > 10 for row in rows.values())
    assert rows["payment"]["breaker"] == "closed"


async def test_top_shows_who_does_not_answer() -> None:
    answer = await argosy("top", "--at", "order=http://127.0.0.1:9", "--count", "1", "--every", "0.2", environment={})
    assert answer.code == 0
    assert "no answer" in answer.out


async def test_a_bad_address_is_refused_with_the_right_form() -> None:
    answer = await argosy("top", "--at", "order", environment={})
    assert answer.code == 2
    assert "order=http://127.0.0.1:9102" in answer.err
