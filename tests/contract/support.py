"""What every service's contract tests need: people, good and bad tokens, and what a call was refused with."""

from __future__ import annotations

import importlib
import json
import pkgutil
import time
import uuid
from collections.abc import Awaitable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2

from argosy.user.v1 import user_pb2, user_pb2_grpc
from facts.system import system
from services.chassis.rpc.refusals import Refusal, refusal_of
from services.chassis.rpc.service_tokens import audience_of
from tests.support.real_stack import RealStack
from tests.support.staff import make_staff

Metadata = tuple[tuple[str, str], ...]

PASSWORD = "correct horse"
ISSUER = "https://argosy.local"
AUDIENCE = "https://api.myapp.com"


@dataclass(frozen=True)
class SignedIn:
    """Somebody with an account, and their token."""

    id: str
    email: str
    token: str

    @property
    def metadata(self) -> Metadata:
        """What their calls carry."""
        return bearer(self.token)


async def sign_up(stack: RealStack, email: str | None = None) -> SignedIn:
    """A new person, registered with the user service."""
    async with grpc.aio.insecure_channel(stack.grpc_target("user")) as channel:
        request = user_pb2.RegisterRequest(
            email=email or new_email(), password=PASSWORD, first_name="Ada", last_name="Tour"
        )
        answer = await user_pb2_grpc.UserServiceStub(channel).Register(request)
        return SignedIn(answer.user.id, answer.user.email, answer.token)


async def sign_up_staff(stack: RealStack) -> SignedIn:
    """A new person of the staff."""
    person = await sign_up(stack)
    await make_staff(stack, person.email)
    async with grpc.aio.insecure_channel(stack.grpc_target("user")) as channel:
        request = user_pb2.LoginRequest(email=person.email, password=PASSWORD)
        answer = await user_pb2_grpc.UserServiceStub(channel).Login(request)
    return SignedIn(person.id, person.email, answer.token)


def new_email() -> str:
    """An address that nobody has."""
    return f"Ada-{uuid.uuid4().hex}@Example.com"


def bearer(token: str) -> Metadata:
    """The metadata that carries a token."""
    return (("authorization", f"Bearer {token}"),)


def user_token(
    stack: RealStack,
    sub: str | None,
    *,
    roles: Sequence[str] = (),
    key: Any = None,
    algorithm: str = "EdDSA",
    kid: str | None = None,
    **claims: Any,
) -> str:
    """A token as the user service would sign it, but for what is asked to be otherwise; a claim of None is left out."""
    now = int(time.time())
    claims_made = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": sub,
        "sid": str(uuid.uuid4()),
        "roles": list(roles),
        "azp": "web-app",
        "iat": now,
        "exp": now + 3600,
        **claims,
    }
    file = _key_file(stack)
    signed_by: Any = _read_key(file) if key is None else key
    return jwt.encode(
        {name: value for name, value in claims_made.items() if value is not None},
        signed_by if algorithm != "none" else None,  # type: ignore[arg-type]
        algorithm=algorithm,
        headers={"kid": kid or file.stem},
    )


def bad_tokens(stack: RealStack, sub: str) -> Mapping[str, str]:
    """Tokens that no service may take, by what is wrong with them; `sub` and the rest are as they should be."""
    hour = timedelta(hours=1).total_seconds()
    public = _read_key(_key_file(stack)).public_key().public_bytes_raw()
    good = user_token(stack, sub)
    head, body, signature = good.split(".")
    other_signature = user_token(stack, str(uuid.uuid4())).split(".")[2]
    return {
        "not a token": "secret",
        "empty": "",
        "expired": user_token(stack, sub, exp=int(time.time() - hour)),
        "never expires": user_token(stack, sub, exp=None),
        "other key": user_token(stack, sub, key=Ed25519PrivateKey.generate()),
        "unknown key id": user_token(stack, sub, kid="20200101T000000Z-00000000"),
        "other issuer": user_token(stack, sub, iss="https://evil.example"),
        "other audience": user_token(stack, sub, aud="https://other.example"),
        "no audience": user_token(stack, sub, aud=None),
        "no subject": user_token(stack, None),
        "no session": user_token(stack, sub, sid=None),
        "alg none": user_token(stack, sub, algorithm="none"),
        "hmac with the public key": user_token(stack, sub, algorithm="HS256", key=public),
        "signature of another": f"{head}.{body}.{other_signature}",
        "signature cut": f"{head}.{body}.{signature[:-4]}",
        "a service's": service_token(stack, "order"),
    }


def service_token(stack: RealStack, name: str, **claims: Any) -> str:
    """A token with which this service calls others, but for what is asked to be otherwise."""
    now = int(time.time())
    everybody = [audience_of(service) for service in system().names]
    claims_made = {"iss": f"service:{name}", "aud": everybody, "iat": now, "exp": now + 60, **claims}
    return jwt.encode(claims_made, _read_key(stack.secrets.service_key_file(name)), algorithm="EdDSA")


def others_than(
    stack: RealStack, callers: Collection[str], person: SignedIn, staff: SignedIn
) -> Mapping[str, Metadata]:
    """Who may not call an rpc that only these services may call, with what their calls carry."""
    caller = min(callers)
    return {
        "nobody": (),
        "a person": person.metadata,
        "staff": staff.metadata,
        **{name: bearer(service_token(stack, name)) for name in sorted({*system().names} - {*callers})},
        "an expired service token": bearer(service_token(stack, caller, exp=1)),
        "a service token for another audience": bearer(service_token(stack, caller, aud=AUDIENCE)),
        "a service token for the caller itself": bearer(service_token(stack, caller, aud=audience_of(caller))),
        "a service token for no one service": bearer(service_token(stack, caller, aud="argosy-internal")),
        "an old service token": bearer(service_token(stack, caller, iat=1, exp=2**40)),
    }


def proto_services() -> Iterator[tuple[str, ServiceDescriptor]]:
    """Each proto service, public or internal, with the name of the service that serves it."""
    for owner in system().names:
        package = importlib.import_module(f"argosy.{owner}.v1")
        for module in pkgutil.iter_modules(package.__path__):
            if module.name.endswith("_pb2"):
                file = importlib.import_module(f"{package.__name__}.{module.name}").DESCRIPTOR
                for descriptor in file.services_by_name.values():
                    yield owner, descriptor


def rpcs_that_answer(answer: type[Message]) -> dict[str, MethodDescriptor]:
    """Service → its one rpc that answers with this message."""
    return {
        owner: method
        for owner, service in proto_services()
        for method in service.methods
        if method.output_type.full_name == answer.DESCRIPTOR.full_name
    }


def call_rpc(
    channel: grpc.aio.Channel, method: MethodDescriptor, answer: type[Message], metadata: Metadata, **request: object
) -> Awaitable[Any]:
    """Call an rpc that is known by its descriptor alone, with these fields."""
    call: Any = channel.unary_unary(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=answer.FromString,
    )
    made: Awaitable[Any] = call(GetMessageClass(method.input_type)(**request), metadata=metadata)
    return made


def others_than_staff(
    stack: RealStack, staff: SignedIn, customer: SignedIn, service: str = "order"
) -> Mapping[str, Metadata]:
    """Everybody whom a method for the staff refuses: nobody, a customer, each bad token, a service."""
    return {
        "nobody": (),
        "a customer": customer.metadata,
        **{what: bearer(token) for what, token in bad_tokens(stack, staff.id).items()},
        "a service": bearer(service_token(stack, service)),
    }


async def refused(call: Awaitable[Any]) -> Refusal:
    """What the call was refused with. Fails when it was answered."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return refusal_of(error)
    pytest.fail(f"not refused, but answered: {answer}")


def retry_after(error: grpc.aio.AioRpcError) -> timedelta | None:
    """The retry delay of a refused call."""
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin":
            return _retry_info(status_pb2.Status.FromString(value))
    return None


def fields(refusal: Refusal) -> list[str]:
    """The fields that a refusal names."""
    return [violation.field for violation in refusal.violations]


async def contents(stack: RealStack, service: str, tables: Iterable[str]) -> dict[str, str]:
    """A service's tables, each as one text: equal before and after when nothing changed."""
    connection = await asyncpg.connect(stack.postgres_url(service))
    try:
        return {
            table: json.dumps(sorted(row[0] for row in await connection.fetch(f"SELECT t::text FROM {table} t")))
            for table in tables
        }
    finally:
        await connection.close()


def _retry_info(status: status_pb2.Status) -> timedelta | None:
    for detail in status.details:
        info = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            return timedelta(seconds=info.retry_delay.seconds, microseconds=info.retry_delay.nanos // 1000)
    return None


def _key_file(stack: RealStack) -> Path:
    return min(stack.secrets.secret_directory("token-keys").glob("*.pem"))


def _read_key(file: Path) -> Ed25519PrivateKey:
    key = load_pem_private_key(file.read_bytes(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    return key
