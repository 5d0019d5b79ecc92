"""CPU of what a purchase consists of, with nothing around it: `python -m load.operation_cost`. Needs a running stack.

The floor of this design on this machine: one gRPC call, transaction, command or event by the libraries that the
services use, in this process, on a table, a collection and a topic of its own. Counted is the CPU of this process and
of the stores.
"""

import argparse
import asyncio
import contextlib
import os
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

from load.cpu import Costs, above, cpu_seconds, of_tree, spread, without_idle
from load.customer import at_once
from load.report import show
from local import credentials
from local.stack import Stack
from local.topology import parts

_NAME = "operation_cost"
_SELF = "this process"
_COUNTED = (_SELF, "postgres", "ferretdb", "kafka")
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
    show(_table(costs, options))
    return 0


async def _measure(stack: Stack, options: argparse.Namespace) -> Mapping[str, Sequence[Costs]]:
    costs: dict[str, list[Costs]] = {}
    async with contextlib.AsyncExitStack() as opened:
        operations: dict[str, Operation] = {}
        for some in (_grpc(), _postgres(stack), _mongo(stack), _kafka(stack)):
            operations |= await opened.enter_async_context(some)
        for number in range(options.rounds):
            idle = await _idle(stack, options.idle)
            for name, operation in operations.items():
                numbers = range(number * options.times, (number + 1) * options.times)
                before, began = _cpu(stack), time.monotonic()
                await at_once(options.at_once, numbers, operation)
                took = time.monotonic() - began
                used = above(_cpu(stack), before, options.times)
                costs.setdefault(name, []).append(without_idle(used, idle, took / options.times))
    return costs


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
            yield {"gRPC call, both ends": lambda _: call(_BODY)}
    finally:
        await server.stop(None)


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
            yield {"PostgreSQL transaction of one insert": write, "PostgreSQL read of one row": read}
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
            "MongoDB insert": lambda number: documents.insert_one({"_id": str(number), "body": text}),
            "MongoDB update": lambda number: documents.update_one({"_id": str(number)}, {"$set": {"done": True}}),
            "MongoDB read": lambda number: documents.find_one({"_id": str(number)}),
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
    consumer = AIOKafkaConsumer(_NAME, bootstrap_servers=brokers, auto_offset_reset="earliest")
    await producer.start()
    await consumer.start()

    async def pass_on(_: int) -> None:
        await producer.send_and_wait(_NAME, _BODY)
        await consumer.getone()

    try:
        yield {"event, produced and consumed": pass_on}
    finally:
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
        by_part = [spread([one[part] for one in measured]) for part in _COUNTED]
        table.add_row(name, spread([sum(one.values()) for one in measured]), *by_part)
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
