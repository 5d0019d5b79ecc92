"""A request's fingerprint: the same content has the same one, and the password is not in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from argosy.event.v1 import user_events_pb2
from argosy.user.v1 import user_pb2
from services.chassis.data.idempotency import fingerprint

NAMES = st.text(st.characters(exclude_categories=["Cs"]))


def register(email: str, password: str = "", first_name: str = "Ada") -> user_pb2.RegisterRequest:
    return user_pb2.RegisterRequest(email=email, password=password, first_name=first_name)


@given(NAMES, NAMES)
def test_differs_for_other_content(one: str, other: str) -> None:
    assert (fingerprint("s", register(one)) == fingerprint("s", register(other))) == (one == other)


def test_leaves_the_password_out_and_nothing_else() -> None:
    first = fingerprint("s", register("a@example.com", "one password"))
    assert first == fingerprint("s", register("a@example.com", "another one"))
    assert first != fingerprint("s", register("a@example.com", "one password", "Grace"))
    assert first != fingerprint("s", register("a@example.com", "one password"), leave_out=())


def test_leaves_the_request_as_it_was() -> None:
    request = register("a@example.com", "one password")
    fingerprint("s", request)
    assert request.password == "one password"


def test_needs_the_secret() -> None:
    request = register("a@example.com")
    assert fingerprint("s", request) != fingerprint("t", request)
    assert fingerprint(SecretStr("s"), request) == fingerprint("s", request)


def test_differs_for_messages_of_other_types() -> None:
    assert fingerprint("s", user_events_pb2.UserDeleted(user_id="1")) != fingerprint(
        "s", user_events_pb2.UserLogin(user_id="1")
    )
