"""gRPC reflection that knows the public proto services and nothing else.

It answers from a descriptor pool of its own, which holds the public services' files and what those import: the internal
ones, in files of their own, cannot even be asked for by name.
"""

from __future__ import annotations

from collections.abc import Iterable

import grpc
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection


def serve(server: grpc.aio.Server, public: Iterable[ServiceDescriptor]) -> None:
    """Describe these services, and health."""
    described = [*public, health_pb2.DESCRIPTOR.services_by_name["Health"]]
    names = [service.full_name for service in described]
    reflection.enable_server_reflection(names, server, pool=pool_of(described))


def pool_of(services: Iterable[ServiceDescriptor]) -> DescriptorPool:
    """A pool of the services' files and all that those import."""
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
