"""CPU of what a purchase consists of, with nothing around it: `python -m load.operation_cost`. Needs a running stack.

One gRPC call, transaction, command or event by the libraries that the services use, in this process, on a table, a
collection and a topic of its own. Counted is the CPU of this process and of the stores. What a purchase consists of,
at these costs, is the floor of this design on this machine.
"""

import argparse
import asyncio
import contextlib
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import asyncpg
import grpc
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from motor.motor_asyncio import AsyncIOMotorClient
from rich.table import Table

from load.cpu import Costs, above, cpu_seconds, medians_of_parts, of_tree, spread, without_idle
from load.customer import Customer, at_once
from load.report import plot, show
from local import credentials
from local.stack import Stack
from local.topology import parts

_NAME = "operation_cost"
_SELF = "this process"
_COUNTED = (_SELF, "postgres", "ferretdb", "kafka", "edge")
_EDGE = "request at the edge, its share"
_GRPC = "gRPC call, both ends"
_WRITE = "PostgreSQL transaction of one insert"
_ROW = "PostgreSQL read of one row"
_INSERT, _UPDATE, _FIND = "MongoDB insert", "MongoDB update", "MongoDB read"
_EVENT = "event, produced and consumed"
_EVENT_AGAIN = "event, consumed once more"
PURCHASE: Mapping[str, int] = {
    _GRPC: 5,  # order, payment, webhook through the edge; order → inventory, payment → order
    _EDGE: 3,
    _WRITE: 8,  # inventory 2, payment 3, notification 3
    _ROW: 22,  # further statements in these, and reads
    _INSERT: 3,  # two commits, the order
    _UPDATE: 4,  # two commits are marked, a shelf counts, the order moves
    _FIND: 4,  # the commits three times, a shelf
    _EVENT: 4,
    _EVENT_AGAIN: 4,
}
"""What a purchase consists of, counted in the log of PostgreSQL (FerretDB writes there, too) over 100 purchases."""
_BODY = b"x" * 500
"""About as long as an event, an order or a row of ours."""

Operation = Callable[[int], Awaitable[Any]]
"""Does it once; its argument is a number that no other has."""


def main() -> int:
    """Measure, and print."""
    options = _options()
    stack = Stack.from_environment()
    try:
        costs = uvloop.run(_measure(stack, options))
    except OSError as error:
        print(f"a store does not answer as expected ({error!r}): `make up` first, see load/README.md", file=sys.stderr)
        return 1
    each = {name: statistics.median(sum(one.values()) for one in rounds) for name, rounds in costs.items()}
    show(_table(costs, options), _floor(each))
    parts = {
        f"{count} × {name}": {part: cost * count for part, cost in medians_of_parts(costs[name]).items()}
        for name, count in PURCHASE.items()
    }
    plot("floor", "The floor of a purchase: its operations with nothing around them, ms", parts)
    return 0


async def _measure(stack: Stack, options: argparse.Namespace) -> Mapping[str, Sequence[Costs]]:
    costs: dict[str, list[Costs]] = {}
    async with contextlib.AsyncExitStack() as opened:
        operations: dict[str, Operation] = {}
        for some in (_grpc(), _edge(stack), _postgres(stack), _mongo(stack), _kafka(stack)):
            operations |= await opened.enter_async_context(some)
        for number in range(options.rounds):
            idle = await _idle(stack, options.idle)
            for name, operation in operations.items():
                numbers = range(number * options.times, (number + 1) * options.times)
                before, began = _cpu(stack), time.monotonic()
                await at_once(options.at_once, numbers, operation)
                took = time.monotonic() - began
                used = without_idle(above(_cpu(stack), before, options.times), idle, took / options.times)
                costs.setdefault(name, []).append({part: used[part] for part in _counted(name)})
    return costs


def _counted(operation: str) -> Sequence[str]:
    """Of a request at the edge, its share alone: what serves it are calls and statements of their own."""
    return ("edge",) if operation == _EDGE else _COUNTED


async def _idle(stack: Stack, seconds: float) -> Costs:
    before = _cpu(stack)
    await asyncio.sleep(seconds)
    return above(_cpu(stack), before, seconds)


def _cpu(stack: Stack) -> dict[str, float]:
    used = {**cpu_seconds(stack), _SELF: of_tree(os.getpid())}
    return {part: used[part] for part in _COUNTED}


@contextlib.asynccontextmanager
async def _grpc() -> AsyncIterator[dict[str, Operation]]:
    async def answer(request: bytes, _: object) -> bytes:
        return request

    server = grpc.aio.server()
    handlers = {"Call": grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_NAME, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.unary_unary(f"/{_NAME}/Call")
            yield {_GRPC: lambda _: call(_BODY)}
    finally:
        await server.stop(None)


@contextlib.asynccontextmanager
async def _edge(stack: Stack) -> AsyncIterator[dict[str, Operation]]:
    async with Customer(stack) as customer:
        yield {_EDGE: lambda _: customer.get("/products/prod-123")}


@contextlib.asynccontextmanager
async def _postgres(stack: Stack) -> AsyncIterator[dict[str, Operation]]:
    url = f"postgresql://user:{credentials.read(stack.secrets).postgres_password('user')}@{stack.address('postgres')}/user"
    async with asyncpg.create_pool(url, min_size=4, max_size=20) as pool:

        async def read(number: int) -> None:
            await pool.fetchrow(f"SELECT body FROM {_NAME} WHERE id = $1", number)  # noqa: S608

        async def write(number: int) -> None:
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute(f"INSERT INTO {_NAME} VALUES ($1, $2)", number, _BODY)  # noqa: S608

        await pool.execute(f"DROP TABLE IF EXISTS {_NAME}; CREATE TABLE {_NAME} (id integer PRIMARY KEY, body bytea)")
        try:
            yield {_WRITE: write, _ROW: read}
        finally:
            await pool.execute(f"DROP TABLE {_NAME}")


@contextlib.asynccontextmanager
async def _mongo(stack: Stack) -> AsyncIterator[dict[str, Operation]]:
    client: AsyncIOMotorClient[Any] = AsyncIOMotorClient(_environment(stack)["MONGO_URL"])
    documents = client.get_default_database()[_NAME]
    await documents.drop()
    text = _BODY.decode()
    try:
        yield {
            _INSERT: lambda number: documents.insert_one({"_id": str(number), "body": text}),
            _UPDATE: lambda number: documents.update_one({"_id": str(number)}, {"$set": {"done": True}}),
            _FIND: lambda number: documents.find_one({"_id": str(number)}),
        }
    finally:
        await documents.drop()
        client.close()


@contextlib.asynccontextmanager
async def _kafka(stack: Stack) -> AsyncIterator[dict[str, Operation]]:
    brokers = _environment(stack)["KAFKA_BOOTSTRAP_SERVERS"]
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    await admin.create_topics([NewTopic(_NAME, 1, 1)])
    producer = AIOKafkaProducer(bootstrap_servers=brokers, acks="all", enable_idempotence=True)
    consumers = [AIOKafkaConsumer(_NAME, bootstrap_servers=brokers, auto_offset_reset="earliest") for _ in range(2)]
    await producer.start()
    for consumer in consumers:
        await consumer.start()

    async def pass_on(_: int) -> None:
        await producer.send_and_wait(_NAME, _BODY)
        await consumers[0].getone()

    try:
        yield {_EVENT: pass_on, _EVENT_AGAIN: lambda _: consumers[1].getone()}
    finally:
        for consumer in consumers:
            await consumer.stop()
        await producer.stop()
        await admin.delete_topics([_NAME])
        await admin.close()


def _environment(stack: Stack) -> Mapping[str, str]:
    """The order service's."""
    (order,) = (part for part in parts(stack, credentials.read(stack.secrets)) if part.name == "order")
    return order.environment


def _table(costs: Mapping[str, Sequence[Costs]], options: argparse.Namespace) -> Table:
    rounds = f"median of {options.rounds} rounds of {options.times} (least to most)"
    table = Table(title=f"CPU of an operation, ms: {options.at_once} at once; {rounds}")
    for column in ("operation", "all", *_COUNTED):
        table.add_column(column, justify="left" if column == "operation" else "right")
    for name, measured in costs.items():
        by_part = [spread([one[part] for one in measured if part in one]) for part in _COUNTED]
        table.add_row(name, spread([sum(one.values()) for one in measured]), *by_part)
    return table


def _floor(each: Mapping[str, float]) -> Table:
    table = Table(title="The floor of a purchase: what it consists of, with nothing around it")
    for column in ("operation", "how many", "each, ms", "together, ms"):
        table.add_column(column, justify="left" if column == "operation" else "right")
    for name, count in PURCHASE.items():
        table.add_row(name, str(count), f"{each[name]:.2f}", f"{count * each[name]:.1f}")
    table.add_row("floor", "", "", f"{sum(count * each[name] for name, count in PURCHASE.items()):.1f}")
    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m load.operation_cost", description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=1000, help="of each operation in a round")
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", type=float, default=5, help="seconds of a round in which nothing happens")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
