"""GetUser without a chassis: grpc.aio, an asyncpg pool, one query. `python -m load.chassis_cost.bare PORT DSN`."""

import sys
from uuid import UUID

import asyncpg
import grpc
import uvloop

from argosy.user.v1 import user_pb2
from services.user.adapters.accounts import ONE_ACCOUNT
from services.user.domain.address_changes import ADDRESS_CHANGE_LIFE


def get_user(pool: asyncpg.Pool) -> grpc.RpcMethodHandler:
    """A handler that answers GetUser without authentication."""

    async def handle(request: user_pb2.GetUserRequest, _: object) -> user_pb2.User:
        async with pool.acquire() as connection:
            row = await connection.fetchrow(ONE_ACCOUNT, UUID(request.id), ADDRESS_CHANGE_LIFE)
        user = user_pb2.User(
            id=str(row["id"]),
            email=row["email"],
            first_name=row["first_name"],
            last_name=row["last_name"],
            email_verified=row["email_verified"],
            account_status=row["account_status"],
            profile=user_pb2.Profile(),
        )
        user.created_at.FromDatetime(row["created_at"])
        user.updated_at.FromDatetime(row["updated_at"])
        return user

    return grpc.unary_unary_rpc_method_handler(
        handle, user_pb2.GetUserRequest.FromString, user_pb2.User.SerializeToString
    )


async def _no_reset(_: asyncpg.Connection) -> None:
    """Skip the connection reset, as the chassis' pool does."""


async def serve(port: int, dsn: str) -> None:
    """Serve until killed."""
    pool = await asyncpg.create_pool(dsn, min_size=2, max_size=20, reset=_no_reset)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("argosy.user.v1.UserService", {"GetUser": get_user(pool)}),)
    )
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2]))
