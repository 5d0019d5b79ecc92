"""Copies of rows have the same ids as copies of documents."""

from __future__ import annotations

import uuid
from datetime import timedelta

import psycopg
import pytest

from load.growth.copies import copy_of
from load.growth.rows import COPY_OF
from tests.support.fresh_database import fresh_database
from tests.support.real_stack import RealStack

IDS = ("019aaaaa-0000-7123-8456-000000000001", "11111111-2222-5333-8444-555555555555")


@pytest.mark.parametrize("id_", IDS)
@pytest.mark.parametrize("copy", [0, 1, 49_999])
async def test_an_id_is_copied_alike_in_rows_and_documents(real_stack: RealStack, id_: str, copy: int) -> None:
    earlier = timedelta(days=1, milliseconds=copy)
    name = f"copies_{uuid.uuid4().hex[:8]}"
    async with fresh_database(real_stack, name):
        with psycopg.connect(real_stack.postgres_url("postgres", name), autocommit=True) as connection:
            connection.execute(COPY_OF.encode())
            parameters = (id_, copy, earlier // timedelta(milliseconds=1))
            (found,) = connection.execute("SELECT pg_temp.copy_of(%s::uuid, %s, %s)", parameters).fetchone() or (None,)
    assert str(found) == copy_of(id_, copy, earlier)
