"""Migrations: once each, whoever starts when, whoever dies when."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import asyncpg
import pytest

from local.paths import ROOT
from services.chassis.data import migrations

PROGRAM = """
import sys
from pathlib import Path
from services.chassis.data.migrations import migrate
print(*migrate(sys.argv[1], Path(sys.argv[2])))
"""
IN_A_SERVICE = """
import os
import sys
from pathlib import Path
import uvloop
from services.chassis.data.migrations import migrate_in_background
os.register_at_fork(after_in_child=lambda: print("python runs in the forked child", file=sys.stderr))
print(*uvloop.run(migrate_in_background(sys.argv[1], Path(sys.argv[2]))))
"""
CHASSIS = sorted(path.stem for path in migrations.CHASSIS.glob("*.sql"))
"""They come before the service's, whatever these are called."""
SLOW = "CREATE TABLE first (n int);\nSELECT pg_sleep(1.5);\nCREATE TABLE second (n int);\n"


@pytest.fixture
async def database(postgres_url: str) -> str:
    """An empty schema."""
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("DROP SCHEMA public CASCADE")
    await connection.execute("CREATE SCHEMA public")
    await connection.close()
    return postgres_url


async def start(database: str, directory: Path, program: str = PROGRAM) -> Process:
    environment = dict(os.environ) | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'generated/python'}"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, database, str(directory), stdout=PIPE, stderr=PIPE, env=environment
    )


async def applied_by(process: Process) -> list[str]:
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return out.decode().splitlines()[-1].split()


async def tables(database: str) -> set[str]:
    connection = await asyncpg.connect(database)
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    return {row["tablename"] for row in rows}


async def recorded(database: str) -> list[str]:
    connection = await asyncpg.connect(database)
    rows = await connection.fetch("SELECT migration_id FROM _yoyo_migration ORDER BY applied_at_utc, migration_id")
    await connection.close()
    return [row["migration_id"] for row in rows]


async def test_applies_the_chassis_then_the_service_once(database: str, tmp_path: Path) -> None:
    (tmp_path / "0001.lab.sql").write_text("CREATE TABLE lab (n int);")
    assert await migrations.migrate_in_background(database, tmp_path) == [*CHASSIS, "0001.lab"]
    assert await migrations.migrate_in_background(database, tmp_path) == []
    assert {"outbox", "inbox", "idempotency_keys", "lab"} <= await tables(database)


async def test_applies_what_was_added_since(database: str, tmp_path: Path) -> None:
    await migrations.migrate_in_background(database, tmp_path)
    (tmp_path / "0002.lab.sql").write_text("CREATE TABLE lab (n int);")
    assert await migrations.migrate_in_background(database, tmp_path) == ["0002.lab"]


async def test_five_processes_at_once(database: str, tmp_path: Path) -> None:
    (tmp_path / "0001.slow.sql").write_text(SLOW)
    processes = [await start(database, tmp_path) for _ in range(5)]
    applied = await asyncio.gather(*(applied_by(process) for process in processes))
    assert sorted(applied) == [[], [], [], [], [*CHASSIS, "0001.slow"]]
    assert await recorded(database) == [*CHASSIS, "0001.slow"]


async def test_one_that_is_killed_midway_blocks_nobody(database: str, tmp_path: Path) -> None:
    (tmp_path / "0001.slow.sql").write_text(SLOW)
    dying = await start(database, tmp_path)
    await until_sleeping(database)
    dying.send_signal(signal.SIGKILL)
    await dying.communicate()
    assert "first" not in await tables(database)

    assert await applied_by(await start(database, tmp_path)) == ["0001.slow"]
    assert {"first", "second"} <= await tables(database)
    assert await recorded(database) == [*CHASSIS, "0001.slow"]


async def test_a_wrong_migration_leaves_nothing_behind(database: str, tmp_path: Path) -> None:
    wrong = tmp_path / "0001.wrong.sql"
    wrong.write_text("CREATE TABLE first (n int);\nCREATE TABLE first (n int);")
    with pytest.raises(migrations.MigrationFailed, match="already exists"):
        await migrations.migrate_in_background(database, tmp_path)
    assert "first" not in await tables(database)
    wrong.write_text("CREATE TABLE first (n int);")
    assert await migrations.migrate_in_background(database, tmp_path) == ["0001.wrong"]


async def test_a_lock_row_that_a_dead_process_left_is_no_lock(database: str, tmp_path: Path) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute("CREATE TABLE yoyo_lock (locked int DEFAULT 1, ctime timestamp, pid int NOT NULL)")
    await connection.execute("ALTER TABLE yoyo_lock ADD PRIMARY KEY (locked)")
    await connection.execute("INSERT INTO yoyo_lock VALUES (1, now(), 4711)")
    await connection.close()
    assert await migrations.migrate_in_background(database, tmp_path) == CHASSIS


async def test_a_start_that_is_given_up_takes_its_migration_along(database: str, tmp_path: Path) -> None:
    (tmp_path / "0001.slow.sql").write_text(SLOW)
    start_up = asyncio.create_task(migrations.migrate_in_background(database, tmp_path))
    await until_sleeping(database)
    start_up.cancel()
    await asyncio.gather(start_up, return_exceptions=True)
    assert await migrations.migrate_in_background(database, tmp_path) == ["0001.slow"]


async def test_nothing_of_a_service_runs_between_fork_and_exec(database: str, tmp_path: Path) -> None:
    """Another thread may hold a lock at the fork; in the child nobody ever lets go of it."""
    output, errors = await (await start(database, tmp_path, IN_A_SERVICE)).communicate()
    assert output.decode().splitlines()[-1].split() == CHASSIS
    assert errors.decode() == ""


async def test_a_function_body_is_one_statement(database: str, tmp_path: Path) -> None:
    (tmp_path / "0001.function.sql").write_text(
        "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$\n"
        "BEGIN\n    IF true THEN\n        NEW.n := 1;\n    END IF;\n    RETURN NEW;\nEND\n$$;\n"
        "CREATE TABLE lab (n int);\n"
        "CREATE TRIGGER touch BEFORE INSERT ON lab FOR EACH ROW EXECUTE FUNCTION touch();\n"
    )
    await migrations.migrate_in_background(database, tmp_path)
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("INSERT INTO lab VALUES (7) RETURNING n") == 1
    await connection.close()


async def test_a_file_may_stand_outside_a_transaction(database: str, tmp_path: Path) -> None:
    (tmp_path / "0001.lab.sql").write_text("CREATE TABLE lab (n int);")
    (tmp_path / "0002.lab.index.sql").write_text(
        "-- transactional: false\nCREATE INDEX CONCURRENTLY IF NOT EXISTS lab_n ON lab (n);"
    )
    await migrations.migrate_in_background(database, tmp_path)
    assert await recorded(database) == [*CHASSIS, "0001.lab", "0002.lab.index"]


async def until_sleeping(database: str) -> None:
    """Wait until the migration is in its middle."""
    connection = await asyncpg.connect(database)
    async with asyncio.timeout(20):
        asleep = 0
        while not asleep:
            await asyncio.sleep(0.05)
            asleep = await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep%' "
                "AND state = 'active' AND pid <> pg_backend_pid()"
            )
    await connection.close()
