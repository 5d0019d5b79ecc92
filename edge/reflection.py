"""gRPC reflection at the edge: the public services of all processes, and no others.

Envoy routes a method to one upstream, and each service describes only itself. So the edge's own process serves
reflection, from the image of the contract. Internal services are in other files, which are not in the pool.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection, reflection_pb2

# The same messages and rpc under two names; grpcio's package has only the older one.
_NAMES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
# An open stream occupies a thread. The edge closes it after 30 s.
_STREAMS = 16


def serve(image: Path, services: Collection[str], socket: Path) -> grpc.Server:
    """Start a server on a Unix socket that describes these services (full names) of an image. `stop(None)` ends it.

    Raises KeyError for a service that is not in the image.
    """
    files = FileDescriptorSet.FromString(image.read_bytes()).file
    servicer = reflection.ReflectionServicer(sorted(services), pool=pool_of(services, files))
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server = grpc.server(ThreadPoolExecutor(_STREAMS, "reflection"), maximum_concurrent_rpcs=_STREAMS)
    methods = {"ServerReflectionInfo": handler}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(name, methods) for name in _NAMES])
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    return server


def pool_of(services: Collection[str], files: Iterable[FileDescriptorProto]) -> DescriptorPool:
    """The files of these services and their transitive imports. Raises KeyError for a service that is in no file."""
    by_name = {file.name: file for file in files}
    homes = {f"{file.package}.{one.name}": file.name for file in by_name.values() for one in file.service}
    pool = DescriptorPool()
    added: set[str] = set()

    def add(name: str) -> None:
        if name in added:
            return
        added.add(name)
        for imported in by_name[name].dependency:
            add(imported)
        pool.AddSerializedFile(by_name[name].SerializeToString())

    for service in services:
        add(homes[service])
    return pool
