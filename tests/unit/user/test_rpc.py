"""What the rpc layer takes from a call."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, cast

import pytest
from pydantic import SecretStr

from argosy.user.v1 import user_pb2
from services.chassis.plain.ids import new_id
from services.chassis.rpc.call import Call
from services.user.domain.accounts import Account
from services.user.domain.people import Person
from services.user.domain.sessions import Client
from services.user.entrypoints import browser_sessions
from services.user.entrypoints.rpc import UserRpc
from services.user.use_cases.log_in import LogIn
from tests.unit.user.fakes import FakeDeviceTokens


@dataclass
class Incoming:
    """As much of a Call as signing in needs."""

    client_address: str = "203.0.113.7"
    client_app: str = "web-app"
    metadata: dict[str, str] = field(default_factory=dict)
    response_metadata: list[tuple[str, str]] = field(default_factory=list)


async def client_of(call: Incoming) -> Client:
    """The commands that the use case gets."""
    commands: list[LogIn] = []

    async def log_in(command: LogIn) -> Any:
        commands.append(command)
        account = Account(new_id(), Person("a@example.com", "A", "B"), datetime(2026, 3, 1, tzinfo=UTC), ())
        return account, _Session()

    nothing = dict.fromkeys((field.name for field in fields(UserRpc)), cast(Any, None))
    rpc = UserRpc(
        **{
            **nothing,
            "log_in": cast(Any, log_in),
            "devices": FakeDeviceTokens(),
            "idempotency_secret": SecretStr("secret"),
        }
    )
    await rpc.Login(user_pb2.LoginRequest(email="a@example.com", password="x"), cast(Call, call))
    return commands[0].client


@pytest.mark.parametrize(
    ("peer", "address"),
    [("203.0.113.7", "203.0.113.7"), ("2001:db8::1", "2001:db8::1"), ("unix:/run/x", None), ("", None)],
)
async def test_an_address_is_kept_where_there_is_one(peer: str, address: str | None) -> None:
    client = await client_of(Incoming(client_address=peer))
    assert client.ip_address == (ip_address(address) if address else None)


async def test_a_user_agent_is_kept_to_500_characters() -> None:
    assert (await client_of(Incoming(metadata={"user-agent": "x" * 10_000}))).user_agent == "x" * 500
    assert (await client_of(Incoming())).user_agent == ""


class _Session:
    token = "a token"


def signed_in(**metadata: str) -> tuple[user_pb2.LoginResponse, list[tuple[str, str]]]:
    """The answer to a sign-in with this metadata, and the metadata of the answer."""
    call = Incoming(metadata={name.replace("_", "-"): value for name, value in metadata.items()})
    response = browser_sessions.begin(user_pb2.LoginResponse(token="secret"), cast(Call, call))
    return response, call.response_metadata


def test_the_token_of_a_browser_is_in_the_metadata_alone() -> None:
    response, metadata = signed_in(x_session="cookie")
    assert response.token == ""
    assert metadata == [("x-session-token", "secret"), ("x-session-seconds", "86400")]


@pytest.mark.parametrize("metadata", [{}, {"x_session": ""}, {"x_session": "Cookie"}])
def test_every_other_client_gets_it_in_the_message(metadata: dict[str, str]) -> None:
    response, sent = signed_in(**metadata)
    assert (response.token, sent) == ("secret", [])


def test_a_browser_that_signs_out_forgets_the_cookie() -> None:
    call, other = Incoming(metadata={"x-session": "cookie"}), Incoming()
    browser_sessions.end(cast(Call, call))
    browser_sessions.end(cast(Call, other))
    assert call.response_metadata == [("x-session-token", "ended"), ("x-session-seconds", "0")]
    assert other.response_metadata == []
