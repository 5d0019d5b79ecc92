"""gRPC-Web by hand: its frames, over any HTTP client."""

from __future__ import annotations

import struct

import httpx
from google.protobuf.message import Message

GRPC_WEB = "application/grpc-web+proto"
_TRAILERS = 0x80


def framed(message: Message) -> bytes:
    """A message as it travels."""
    content = message.SerializeToString()
    return struct.pack(">BI", 0, len(content)) + content


def frames_of(content: bytes) -> tuple[list[bytes], dict[str, str]]:
    """The messages in a body, and its trailers."""
    messages, trailers = [], {}
    while len(content) >= 5:
        kind, length = struct.unpack(">BI", content[:5])
        body, content = content[5 : 5 + length], content[5 + length :]
        if kind & _TRAILERS:
            lines = (line.partition(":") for line in body.decode().split("\r\n") if line)
            trailers = {name.lower(): value.strip() for name, _, value in lines}
        else:
            messages.append(body)
    return messages, trailers


def status_of(answer: httpx.Response) -> int:
    """The gRPC status: in the trailers, or in the headers where there is nothing but an error."""
    _, trailers = frames_of(answer.content)
    return int(trailers.get("grpc-status", answer.headers.get("grpc-status", "-1")))
