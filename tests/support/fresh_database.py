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
    admin = await asyncpg.connect(stack.postgres_url("postgres"))
    try:
        await admin.execute(f"create role {name} login password '{name}'")
        await admin.execute(f"create database {name} owner {name}")
        yield f"postgresql://{name}:{name}@{stack.stack.address('postgres')}/{name}"
        await admin.execute(f"drop database {name} with (force)")
        await admin.execute(f"drop role {name}")
    finally:
        await admin.close()
