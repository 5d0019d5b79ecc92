"""Values that the store refuses whatever it holds (ports.NotStorable)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from decimal import Decimal

import asyncpg

from services.chassis.plain.money import Money
from services.payment.ports import NotStorable


@contextlib.contextmanager
def storable() -> Iterator[None]:
    """Around a statement. Raises NotStorable for a value out of range, or one that a constraint refuses."""
    try:
        yield
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
        raise NotStorable from error


def decimal_or_none(amount: Money | None) -> Decimal | None:
    """The amount as a column has it."""
    return None if amount is None else amount.decimal


def money_or_none(amount: Decimal | None, currency: str | None) -> Money | None:
    """The amount in a column."""
    return None if amount is None or currency is None else Money.kept(amount, currency)
