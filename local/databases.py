"""Creates each service's database and role: `python -m local.databases`. Idempotent.

FerretDB queries documents by `_jsonb->'field' @> value`, for which its btree indexes cannot be used. An event trigger
in its database makes a GIN index on the first field of each, so that look-ups do not scan the table, and drops those
that are not unique: they would only cost each write.
"""

import asyncio

import asyncpg

from local import credentials
from local.credentials import POSTGRES_ROLES, Credentials
from local.ports import HOST
from local.stack import Stack

_TIMEOUT_SECONDS = 10

_INDEX_TRIGGER = """
create or replace function public.argosy_index_for_containment() returns event_trigger language plpgsql as $body$
declare
    made record;
    field text;
begin
    for made in
        select i.indrelid::regclass as relation, i.indexrelid::regclass as index, i.indisunique as keeps_unique,
            pg_get_indexdef(i.indexrelid) as definition
        from pg_event_trigger_ddl_commands() c join pg_index i on i.indexrelid = c.objid
        where c.command_tag = 'CREATE INDEX'
    loop
        field := substring(made.definition from $re$USING btree \\(+_jsonb -> '([^']+)'::text\\)+(?! ->)$re$);
        if field is not null then
            execute format(
                'create index if not exists %I on %s using gin ((_jsonb->%L) jsonb_path_ops) with (fastupdate = off)',
                'argosy_' || md5(made.relation::text || field), made.relation, field
            );
            if not made.keeps_unique then
                execute format('drop index %s', made.index);
            end if;
        end if;
    end loop;
end
$body$;
"""


async def ensure_all(stack: Stack, secrets: Credentials) -> None:
    """Create every role with its own database, which no other role may connect to."""
    admin = await _connect(stack, secrets, "postgres")
    try:
        for role in POSTGRES_ROLES:
            await _ensure_database(admin, role)
        # The role is created last: FerretDB must not create a collection before the trigger exists.
        await _ensure_index_trigger(stack, secrets)
        for role in POSTGRES_ROLES:
            await _ensure_owner(admin, role, secrets.postgres_password(role))
    finally:
        await admin.close()


async def _ensure_database(admin: asyncpg.Connection, name: str) -> None:
    if not await admin.fetchval("select 1 from pg_database where datname = $1", name):
        await admin.execute(f'create database "{name}"')
    await admin.execute(f'revoke all on database "{name}" from public')


async def _ensure_owner(admin: asyncpg.Connection, role: str, password: str) -> None:
    if not await admin.fetchval("select 1 from pg_roles where rolname = $1", role):
        await admin.execute(f'create role "{role}" nologin')
    await admin.execute(f'alter database "{role}" owner to "{role}"')
    await admin.execute(f"alter role \"{role}\" login password '{password}'")


async def _ensure_index_trigger(stack: Stack, secrets: Credentials) -> None:
    ferretdb = await _connect(stack, secrets, "ferretdb")
    try:
        await ferretdb.execute(_INDEX_TRIGGER)
        # A generic plan prefers a sequential scan on a table that has grown since its last ANALYZE.
        await ferretdb.execute("alter database ferretdb set plan_cache_mode = force_custom_plan")
        if not await ferretdb.fetchval("select 1 from pg_event_trigger where evtname = 'argosy_containment'"):
            await ferretdb.execute(
                "create event trigger argosy_containment on ddl_command_end when tag in ('CREATE INDEX')"
                " execute function public.argosy_index_for_containment()"
            )
    finally:
        await ferretdb.close()


async def _connect(stack: Stack, secrets: Credentials, database: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        host=HOST,
        port=stack.port("postgres"),
        user="postgres",
        password=secrets.postgres_password("postgres"),
        database=database,
        timeout=_TIMEOUT_SECONDS,
        command_timeout=_TIMEOUT_SECONDS,
    )


def main() -> None:
    """Entry point. Fails while PostgreSQL is not up yet."""
    stack = Stack.from_environment()
    asyncio.run(ensure_all(stack, credentials.read(stack.secrets)))


if __name__ == "__main__":
    main()
