"""A channel to a service, as another service has it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from cli.environment import NoSystem
from services.chassis.plain.errors import Unavailable
from services.chassis.process.settings import CommonSettings
from services.chassis.rpc import policy
from services.chassis.rpc.client import ServiceChannel
from services.chassis.rpc.service_tokens import ServiceTokenSigner, read_private_key


@asynccontextmanager
async def channel_to(
    service: str, settings: CommonSettings, called: ServiceDescriptor, target: str
) -> AsyncIterator[ServiceChannel]:
    """Another service, asked in the name of the service whose settings these are. Raises NoSystem while it is away."""
    signer = ServiceTokenSigner(service, read_private_key(settings.service_key_file))
    contract = policy.read(called)
    channel = ServiceChannel(target, contract, signer)
    await channel.start()
    try:
        yield channel
    except (grpc.aio.AioRpcError, Unavailable) as error:
        if isinstance(error, Unavailable) and not isinstance(error.__cause__, grpc.aio.AioRpcError):
            raise
        raise NoSystem(f"the {contract.owner} service does not answer: is it up? (`make status`)") from error
    finally:
        await channel.stop()
