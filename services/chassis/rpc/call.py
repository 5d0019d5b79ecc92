"""What a handler receives about a call besides the request: the caller, the deadline, the metadata."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.chassis.plain import trace_context
from services.chassis.plain.errors import Unauthenticated
from services.chassis.rpc.policy import MethodPolicyView

STAFF_ROLE = "staff"
_LONGEST_ID = 128


@dataclass(frozen=True, slots=True)
class User:
    """A signed-in person, from a verified token."""

    id: str
    roles: frozenset[str]
    session_id: str
    client_app: str

    @property
    def is_staff(self) -> bool:
        """Whether the person has the role staff."""
        return STAFF_ROLE in self.roles


@dataclass(frozen=True, slots=True)
class Service:
    """Another service of ours, from a verified token."""

    name: str


@dataclass(slots=True, eq=False)  # frozen would cost a microsecond on every call
class Call:
    """One call: its caller and metadata. Read-only for handlers, except `response_metadata`."""

    method: MethodPolicyView
    caller: User | Service | None
    """None: an anonymous call of a PUBLIC rpc."""
    idempotency_key: str | None
    deadline: float
    """The deadline, in seconds of the event loop's clock."""
    client_app: str
    """`web-app` or `mobile-app`: from the token; without a token, from the header X-Client-App."""
    metadata: Mapping[str, str | bytes] = field(repr=False)  # it holds the caller's token
    """The gRPC metadata: keys in lower case, `-bin` values as bytes. Not verified: do not use it for authorization."""
    traceparent: str
    client_address: str
    """The client's IP address, from the edge; for calls that bypass the edge, the peer's address."""
    response_metadata: list[tuple[str, str]] = field(default_factory=list, repr=False)
    """The handler adds initial metadata of the response. It is sent if a call without a stream succeeds."""

    def user(self) -> User:
        """The signed-in person. Raises Unauthenticated if the caller is not a person."""
        if isinstance(self.caller, User):
            return self.caller
        raise Unauthenticated()

    def remaining(self) -> float:
        """Seconds until the deadline, never below 0."""
        return max(0.0, self.deadline - asyncio.get_running_loop().time())

    @property
    def request_id(self) -> str:
        """The edge's request id; without one, the trace id."""
        return request_id_of(self.metadata, self.traceparent)


def request_id_of(metadata: Mapping[str, Any], traceparent: str) -> str:
    """The edge's request id, from a call's metadata; without one, the trace id."""
    given: str | None = metadata.get("x-request-id")
    return given[:_LONGEST_ID] if given else trace_context.trace_id(traceparent)
