"""The tables of each service on PostgreSQL, grown."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import psycopg
import pytest
from psycopg.rows import dict_row

from services.chassis.data.migrations import migrate
from tests.support.fresh_database import fresh_database
from tests.support.grown_tables import GrownTables
from tests.support.real_stack import RealStack
from tests.support.statements import ROOT, postgres_services


@pytest.fixture(scope="module")
async def grown(real_stack: RealStack) -> AsyncIterator[Mapping[str, GrownTables]]:
    """Service → its tables and the chassis', filled."""
    async with _filled(real_stack, hot=False) as tables:
        yield tables


@pytest.fixture(scope="module")
async def grown_hot(real_stack: RealStack) -> AsyncIterator[Mapping[str, GrownTables]]:
    """The same, where everything is of one customer, one product and so on."""
    async with _filled(real_stack, hot=True) as tables:
        yield tables


@asynccontextmanager
async def _filled(real_stack: RealStack, *, hot: bool) -> AsyncIterator[Mapping[str, GrownTables]]:
    async with AsyncExitStack() as stack:
        tables = {}
        for service in postgres_services():
            name = f"growth_{service}_{uuid.uuid4().hex[:8]}"
            url = await stack.enter_async_context(fresh_database(real_stack, name))
            migrate(url, ROOT / "services" / service / "migrations")
            connection = stack.enter_context(
                psycopg.connect(real_stack.postgres_url("postgres", name), autocommit=True, row_factory=dict_row)
            )
            tables[service] = GrownTables(connection)
            tables[service].fill(hot=hot)
        yield tables
