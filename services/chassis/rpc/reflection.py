"""gRPC reflection of the public proto services only.

It has its own descriptor pool with the public services' files and their imports. Internal services are in other files,
so they cannot be queried even by name.
"""

from __future__ import annotations

from collections.abc import Iterable

import grpc
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection


def serve(server: grpc.aio.Server, public: Iterable[ServiceDescriptor]) -> None:
    """Add reflection of these services, and of health, to a server."""
    described = [*public, health_pb2.DESCRIPTOR.services_by_name["Health"]]
    names = [service.full_name for service in described]
    reflection.enable_server_reflection(names, server, pool=pool_of(described))


def pool_of(services: Iterable[ServiceDescriptor]) -> DescriptorPool:
    """A descriptor pool of the services' files and their transitive imports."""
    pool = DescriptorPool()
    added: set[str] = set()
    for service in services:
        _add(pool, service.file, added)
    return pool


def _add(pool: DescriptorPool, file: FileDescriptor, added: set[str]) -> None:
    if file.name in added:
        return
    for dependency in file.dependencies:
        _add(pool, dependency, added)
    pool.AddSerializedFile(file.serialized_pb)
    added.add(file.name)
