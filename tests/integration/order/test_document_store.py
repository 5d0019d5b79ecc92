"""What the document store of the laptop does with the indexes of the order service."""

from __future__ import annotations

from urllib.parse import urlsplit

import asyncpg

from services.chassis.data.mongo import Mongo
from tests.support.real_stack import RealStack


async def test_the_store_keeps_no_index_that_no_query_uses(mongo: Mongo, mongo_url: str, real_stack: RealStack) -> None:
    """FerretDB's own indexes serve nothing but uniqueness; look-ups use the GIN indexes made beside them."""
    postgres = await asyncpg.connect(real_stack.postgres_url("ferretdb"))
    try:
        rows = await postgres.fetch(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = $1 AND tablename LIKE 'commits%'",
            urlsplit(mongo_url).path.removeprefix("/"),
        )
    finally:
        await postgres.close()
    definitions = [row["indexdef"] for row in rows]
    assert len([one for one in definitions if "USING btree" in one]) == 1, definitions
    assert len([one for one in definitions if "USING gin" in one]) == 5, definitions
    assert {"_id_", "orderId_1", "published_1", "settled_1", "slice_1"} == set(
        await mongo.collection("commits").index_information()
    )
