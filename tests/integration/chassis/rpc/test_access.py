"""Who may call what: every kind of rpc, with every kind of credential. A denied call never reaches the handler."""

from __future__ import annotations

import time
from collections.abc import Callable

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.chassis.rpc.call import Service, User
from tests.integration.chassis.rpc.conftest import Lab, refusal_of
from tests.integration.chassis.rpc.credentials import USER_ID
from tests.integration.chassis.rpc.lab_contract import lab_pb2

OK = grpc.StatusCode.OK
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
DENIED = grpc.StatusCode.PERMISSION_DENIED

_STRANGE_KEY = Ed25519PrivateKey.generate()
_LONG_AGO = int(time.time()) - 3600


def _bearer(make: Callable[[Lab], str]) -> Callable[[Lab], str]:
    return lambda lab: f"Bearer {make(lab)}"


# The value of `authorization`.
CREDENTIALS: dict[str, Callable[[Lab], str] | None] = {
    "none": None,
    "user": _bearer(lambda lab: lab.users.token()),
    "staff": _bearer(lambda lab: lab.users.token(("staff",))),
    "friend": _bearer(lambda lab: lab.services.token("friend")),
    "stranger": _bearer(lambda lab: lab.services.token("stranger")),
    # Not good for anything.
    "expired": _bearer(lambda lab: lab.users.token(("staff",), exp=_LONG_AGO)),
    "forged": _bearer(lambda lab: lab.users.token(("staff",), key=_STRANGE_KEY)),
    "unknown key id": _bearer(lambda lab: lab.users.token(("staff",), kid="other")),
    "no key id": _bearer(lambda lab: lab.users.token(("staff",), kid=None)),
    "alg none": _bearer(lambda lab: lab.users.unsigned()),
    "alg HS256 with the public key": _bearer(lambda lab: lab.users.signed_with_the_public_key()),
    "wrong audience": _bearer(lambda lab: lab.users.token(("staff",), aud="argosy-internal")),
    "wrong issuer": _bearer(lambda lab: lab.users.token(("staff",), iss="https://evil.example")),
    "no expiry": _bearer(lambda lab: lab.users.token(("staff",), exp=None)),
    "no subject": _bearer(lambda lab: lab.users.token(("staff",), sub=None)),
    "no session": _bearer(lambda lab: lab.users.token(("staff",), sid=None)),
    "no roles": _bearer(lambda lab: lab.users.token(None)),
    "roles are a word": _bearer(lambda lab: lab.users.token("staff")),
    "garbage": lambda _lab: "Bearer not.a.token",
    "other scheme": lambda _lab: "Basic dXNlcjpwYXNz",
    "empty bearer": lambda _lab: "Bearer ",
    "friend expired": _bearer(lambda lab: lab.services.token("friend", exp=_LONG_AGO, iat=_LONG_AGO - 60)),
    "friend forged": _bearer(lambda lab: lab.services.token("friend", key=_STRANGE_KEY)),
    "friend by stranger's key": _bearer(lambda lab: lab.services.token("friend", key=lab.services.private["stranger"])),
    "friend to another audience": _bearer(lambda lab: lab.services.token("friend", aud="https://api.myapp.com")),
    "friend to another service": _bearer(lambda lab: lab.services.token("friend", aud="service:stranger")),
    "friend to no one service": _bearer(lambda lab: lab.services.token("friend", aud="argosy-internal")),
    "friend long ago": _bearer(lambda lab: lab.services.token("friend", iat=_LONG_AGO, exp=2**40)),
    "friend without expiry": _bearer(lambda lab: lab.services.token("friend", exp=None)),
    "nobody's service": _bearer(lambda lab: lab.services.token("nobody", key=_STRANGE_KEY)),
}
NOT_GOOD_ANYWHERE = list(CREDENTIALS)[5:]

EXPECTED = {
    "Anyone": {"none": OK, "user": OK, "staff": OK, "friend": UNAUTHENTICATED, "stranger": UNAUTHENTICATED},
    "SignedIn": {
        "none": UNAUTHENTICATED, "user": OK, "staff": OK, "friend": UNAUTHENTICATED, "stranger": UNAUTHENTICATED,
    },
    "StaffOnly": {
        "none": UNAUTHENTICATED, "user": DENIED, "staff": OK, "friend": UNAUTHENTICATED, "stranger": UNAUTHENTICATED,
    },
    "Internal": {
        "none": UNAUTHENTICATED, "user": UNAUTHENTICATED, "staff": UNAUTHENTICATED, "friend": OK, "stranger": DENIED,
    },
}  # fmt: skip
MATRIX = [
    (rpc, credential, codes.get(credential, UNAUTHENTICATED))
    for rpc, codes in EXPECTED.items()
    for credential in CREDENTIALS
]


@pytest.fixture(scope="module")
def _the_matrix_is_whole() -> None:
    assert len(MATRIX) == len(EXPECTED) * len(CREDENTIALS)
    assert all(not set(codes) & set(NOT_GOOD_ANYWHERE) for codes in EXPECTED.values())


@pytest.mark.usefixtures("_the_matrix_is_whole")
@pytest.mark.parametrize(("rpc", "credential", "expected"), MATRIX)
async def test_access(lab: Lab, rpc: str, credential: str, expected: grpc.StatusCode) -> None:
    make = CREDENTIALS[credential]
    metadata = () if make is None else (("authorization", make(lab)),)
    method = getattr(lab.internal if rpc == "Internal" else lab.stub, rpc)
    handled = lab.internal_rpc.calls if rpc == "Internal" else lab.rpc.calls

    call = method(lab_pb2.Probe(), metadata=metadata)

    if expected is OK:
        assert (await call).text == rpc
        assert len(handled) == 1
    else:
        refusal = await refusal_of(call)
        assert refusal.code is expected
        assert (refusal.reason, refusal.domain) == (expected.name, "argosy")
        assert handled == []


async def test_the_token_identifies_the_caller(lab: Lab) -> None:
    headers = (
        ("authorization", f"bearer {lab.users.token(('staff', 'clerk'))}"),
        ("x-user-id", "somebody-else"),
        ("x-client-app", "web-app"),
    )
    await lab.stub.SignedIn(lab_pb2.Probe(), metadata=headers)

    ((_, call),) = lab.rpc.calls
    assert call.caller == User(USER_ID, frozenset({"staff", "clerk"}), "session-1", "mobile-app")
    assert call.user() is call.caller
    assert call.user().is_staff
    assert call.client_app == "mobile-app"


async def test_an_internal_call_names_its_service(lab: Lab) -> None:
    headers = (("authorization", f"Bearer {lab.services.token('friend')}"),)
    await lab.internal.Internal(lab_pb2.Probe(), metadata=headers)

    ((_, call),) = lab.internal_rpc.calls
    assert call.caller == Service("friend")


async def test_a_key_that_is_added_to_the_file_is_found(lab: Lab) -> None:
    lab.services.write_public("lab", "stranger")  # without friend
    headers = (("authorization", f"Bearer {lab.services.token('friend')}"),)
    assert (await refusal_of(lab.internal.Internal(lab_pb2.Probe(), metadata=headers))).code is UNAUTHENTICATED

    lab.services.write_public("lab", "stranger", "friend")
    await lab.internal.Internal(lab_pb2.Probe(), metadata=headers)


async def test_a_broken_keys_file_leaves_known_keys_valid(lab: Lab) -> None:
    lab.services.public_file.write_text("{")
    headers = (("authorization", f"Bearer {lab.services.token('friend')}"),)
    assert (await lab.internal.Internal(lab_pb2.Probe(), metadata=headers)).text == "Internal"


async def test_user_answers_unauthenticated_where_nobody_signed_in(lab: Lab) -> None:
    refusal = await refusal_of(lab.stub.Misbehave(lab_pb2.Probe(text="user")))
    assert refusal.code is UNAUTHENTICATED
