"""Starts FerretDB once PostgreSQL accepts its role: `python -m local.documents`.

Started earlier, it would log every failed client as an error: on the first start, its role is created later.
"""

import asyncio
import os

import asyncpg

from local.paths import BIN

_PAUSE_SECONDS = 0.2
_TRY_SECONDS = 2


async def _until_let_in(url: str) -> None:
    """Return once the database accepts a connection."""
    while True:
        try:
            connection = await asyncpg.connect(url, timeout=_TRY_SECONDS)
        except (OSError, asyncpg.PostgresError):
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            await connection.close()
            return


def main() -> None:
    """Wait, then replace this process by FerretDB."""
    url, _, _ = os.environ["FERRETDB_POSTGRESQL_URL"].partition("?")  # drops parameters of FerretDB's own driver
    asyncio.run(_until_let_in(url))
    program = str(BIN / "ferretdb")
    os.execv(program, [program])


if __name__ == "__main__":
    main()
