"""The contracts of releases, as message classes beside today's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from google.protobuf import descriptor_pb2, duration_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from services.chassis.bus.events import Registry

RELEASES = sorted((Path(__file__).parents[2] / "proto" / "releases").glob("*.binpb"))
_TODAY = Registry.of_package()


def released(file: Path, added: Mapping[str, descriptor_pb2.FieldDescriptorProto] | None = None) -> DescriptorPool:
    """The events of a release, with fields added to messages."""
    pool = DescriptorPool()
    for imported in (descriptor_pb2, duration_pb2):
        pool.AddSerializedFile(imported.DESCRIPTOR.serialized_pb)
    for proto in descriptor_pb2.FileDescriptorSet.FromString(file.read_bytes()).file:
        if proto.name.startswith(("argosy/policy/", "argosy/event/")):
            for message in proto.message_type:
                if added and message.name in added:
                    message.field.append(added[message.name])
            pool.AddSerializedFile(proto.SerializeToString())
    return pool


def class_in(pool: DescriptorPool, event_type: str) -> type[Message] | None:
    """The message class of one of today's event types. None: the release does not have it."""
    try:
        return GetMessageClass(pool.FindMessageTypeByName(_TODAY.classes[event_type].DESCRIPTOR.full_name))
    except KeyError:
        return None
