"""Products that staff add and change, at once and again."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal
from uuid import uuid4

import pytest

from services.chassis.plain.errors import IdempotencyMismatch
from services.chassis.plain.money import Money
from services.inventory.domain.products import (
    CurrencyWithoutPrice,
    NewProduct,
    PriceRefused,
    Product,
    ProductChange,
    ProductExists,
    UnknownProduct,
)
from services.inventory.domain.reservations import Line
from tests.integration.inventory.lab import Inventory

SAIL = NewProduct("sail", "Sail", "Flax", Money(45000, "USD"), on_hand=0, low_stock_threshold=3)


async def create(inventory: Inventory, product: NewProduct = SAIL, key: str | None = None) -> Product:
    return await inventory.create(product, key)


async def test_a_new_product_has_a_price_and_no_stock(inventory: Inventory) -> None:
    made = await create(inventory)
    assert made == Product("sail", "Sail", "Flax", Money(45000, "USD"), available=0)
    assert await inventory.stock("sail") == (0, 0)
    assert [(move.kind, move.on_hand) for move in await inventory.moves("sail")] == [("opening", 0)]


async def test_twenty_at_once_make_one(inventory: Inventory) -> None:
    outcomes = await asyncio.gather(*(create(inventory) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(outcome, Product) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, ProductExists) for outcome in outcomes) == 19


async def test_twenty_with_one_key_get_one_answer(inventory: Inventory) -> None:
    answers = await asyncio.gather(*(create(inventory, key="k-sail") for _ in range(20)))
    assert all(answer == answers[0] for answer in answers)
    other = NewProduct("sail", "Jib", "Flax", Money(45000, "USD"), on_hand=0)
    with pytest.raises(IdempotencyMismatch):
        await create(inventory, other, key="k-sail")
    assert (await inventory.product("sail")).name == "Sail"


async def test_what_is_absent_stays(inventory: Inventory) -> None:
    await create(inventory)
    await inventory.change(ProductChange("sail", name="Mainsail"))
    await inventory.change(ProductChange("sail", description=""))
    changed = await inventory.change(ProductChange("sail", price=Decimal("399.00"), currency="EUR"))
    assert (changed.name, changed.description, changed.price) == ("Mainsail", "", Money(39900, "EUR"))
    assert await inventory.change(ProductChange("sail")) == changed


async def test_two_who_change_different_fields_at_once_both_do(inventory: Inventory) -> None:
    for number in range(10):
        await asyncio.gather(
            inventory.change(ProductChange("bell", name=f"Bell {number}")),
            inventory.change(ProductChange("bell", price=Decimal(8900 + number) / 100)),
        )
        bell = await inventory.product("bell")
        assert (bell.name, bell.price.minor) == (f"Bell {number}", 8900 + number)


async def test_a_price_does_not_survive_its_currency(inventory: Inventory) -> None:
    with pytest.raises(CurrencyWithoutPrice):
        await inventory.change(ProductChange("bell", currency="EUR"))
    assert (await inventory.product("bell")).price.currency == "USD"
    with pytest.raises(UnknownProduct):
        await inventory.change(ProductChange("sail", name="Sail"))


async def test_a_price_alone_is_in_the_currency_that_the_product_has(inventory: Inventory) -> None:
    await inventory.change(ProductChange("bell", price=Decimal(12000), currency="JPY"))
    changed = await inventory.change(ProductChange("bell", price=Decimal(9000)))
    assert changed.price == Money(9000, "JPY")
    for price, currency, field in (("90.5", None, "price"), ("1.255", "KWD", "price"), ("90", "XXX", "currency")):
        with pytest.raises(PriceRefused) as refused:
            await inventory.change(ProductChange("bell", price=Decimal(price), currency=currency))
        assert [name for name, _ in refused.value.violations] == [field]
    assert await inventory.product("bell") == changed


async def test_a_price_and_a_currency_that_change_at_once_leave_one_that_can_be_charged(inventory: Inventory) -> None:
    async def in_dinars() -> None:
        await inventory.change(ProductChange("bell", price=Decimal("1.25"), currency="KWD"))

    async def in_yen() -> None:
        await inventory.change(ProductChange("bell", price=Decimal(1000), currency="JPY"))

    async def cheaper() -> None:
        with contextlib.suppress(PriceRefused):
            await inventory.change(ProductChange("bell", price=Decimal("0.75")))

    for _ in range(20):
        await asyncio.gather(in_dinars(), in_yen(), cheaper())
        row = await inventory.postgres.fetchrow("SELECT price, currency FROM products WHERE id = 'bell'")
        assert row is not None
        assert Money.of(row["price"], row["currency"]).text in ("1.250", "0.750", "1000")


async def test_a_new_price_leaves_what_orders_hold_as_it_was(inventory: Inventory) -> None:
    order = uuid4()
    held = await inventory.reserve(order, Line("bell", 1))
    await inventory.change(ProductChange("bell", price=Decimal("1.00"), currency="EUR"))
    for again in (await inventory.reserve(order, Line("bell", 1)), await inventory.commit(order)):
        assert (again.lines, again.currency) == (held.lines, "USD")


async def test_orders_while_the_price_changes_are_priced_one_way_or_the_other(inventory: Inventory) -> None:
    await inventory.adjust("bell", 1000)

    async def change(number: int) -> None:
        currency = ("USD", "EUR")[number % 2]
        await inventory.change(ProductChange("bell", price=Decimal(100 + number) / 100, currency=currency))

    orders = [uuid4() for _ in range(40)]
    outcomes = await asyncio.gather(
        *(inventory.reserve(order, Line("bell", 1)) for order in orders),
        *(change(number) for number in range(20)),
        return_exceptions=True,
    )
    for reservation in outcomes[:40]:
        if not isinstance(reservation, BaseException) and reservation is not None:
            price = reservation.lines[0].price.minor
            assert price == 8900 or reservation.currency == ("USD", "EUR")[price % 2]
