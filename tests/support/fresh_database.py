"""PostgreSQL databases that a test has to itself."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import asyncpg

from tests.support.real_stack import RealStack


@contextlib.asynccontextmanager
async def fresh_database(stack: RealStack, name: str) -> AsyncIterator[str]:
    """The URL of a new, empty database with an owner of its own, who is no superuser. It is dropped after the block."""
    stack.up("postgres")
    await _as_admin(stack, f"create role {name} login password '{name}'", f"create database {name} owner {name}")
    yield f"postgresql://{name}:{name}@{stack.stack.address('postgres')}/{name}"
    await _as_admin(stack, f"drop database {name} with (force)", f"drop role {name}")


async def _as_admin(stack: RealStack, *statements: str) -> None:
    """On a connection of their own: a test in the block may have restarted PostgreSQL."""
    admin = await asyncpg.connect(stack.postgres_url("postgres"))
    try:
        for statement in statements:
            await admin.execute(statement)
    finally:
        await admin.close()
