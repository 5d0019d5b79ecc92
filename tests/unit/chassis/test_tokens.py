"""User tokens, service tokens and where their keys come from. (Which calls they open: integration/chassis/rpc.)"""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.chassis.plain.errors import Unauthenticated
from services.chassis.rpc import service_tokens, user_tokens
from services.chassis.rpc.call import Service, User
from services.chassis.rpc.jwks import read_keys
from services.chassis.rpc.service_tokens import KeyFileError, ServiceTokenSigner, ServiceTokenVerifier
from services.chassis.rpc.user_tokens import UserTokens
from tests.integration.chassis.rpc.credentials import KID, USER_ID, ServiceKeys, UserKeys


class Clock:
    """Stands in for `time` in a module, in whole seconds from a start."""

    def __init__(self, now: float) -> None:
        self.now = now

    def time(self) -> float:
        return self.now


@pytest.fixture
def keys() -> UserKeys:
    return UserKeys()


async def test_a_token_is_verified_once_and_remembered(keys: UserKeys) -> None:
    tokens, token = UserTokens(keys), keys.token(("staff",))
    first, second = await tokens.verify(token), await tokens.verify(token)
    assert first == second
    assert (first.id, first.is_staff) == (USER_ID, True)
    assert keys.asked == 1


async def test_but_not_for_ever(keys: UserKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, token = UserTokens(keys), keys.token()
    clock = Clock(jwt.decode(token, options={"verify_signature": False})["iat"])
    monkeypatch.setattr(user_tokens, "time", clock)
    await tokens.verify(token)
    clock.now += 299
    await tokens.verify(token)
    assert keys.asked == 1
    clock.now += 2
    await tokens.verify(token)
    assert keys.asked == 2  # so a key that was withdrawn stops working


async def test_not_past_its_expiry(keys: UserKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = UserTokens(keys)
    now = 1_000_000_000.0  # long ago: the real clock, which decoding asks, finds it expired
    clock = Clock(now)
    token = keys.token(iat=int(now), exp=int(now) + 100)
    monkeypatch.setattr(user_tokens, "time", clock)
    tokens._remember(token, User("u", frozenset(), "s", "web-app"), now + 100)
    clock.now = now + 99
    assert (await tokens.verify(token)).id == "u"
    clock.now = now + 100
    with pytest.raises(Unauthenticated, match="expired"):
        await tokens.verify(token)


async def test_a_bad_token_is_not_remembered_as_good(keys: UserKeys) -> None:
    tokens = UserTokens(keys)
    forged = UserKeys().token()
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await tokens.verify(forged)
    assert keys.asked == 2


async def test_what_is_remembered_is_bounded(keys: UserKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_tokens, "_REMEMBERED_AT_MOST", 2)
    tokens = UserTokens(keys)
    first, *others = [keys.token(jti=str(number)) for number in range(3)]
    for token in (first, *others):
        await tokens.verify(token)
    await tokens.verify(others[-1])
    assert keys.asked == 3
    await tokens.verify(first)
    assert keys.asked == 4
    assert len(tokens._known) == 2


@pytest.mark.parametrize("claims", [{"sub": 5}, {"sub": ""}, {"sid": ["x"]}, {"azp": None}, {"azp": 1}])
async def test_claims_that_are_not_text_are_refused(keys: UserKeys, claims: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        await UserTokens(keys).verify(keys.token(**claims))


@pytest.mark.parametrize("roles", [["staff", 5], [""], {"staff": True}])
async def test_roles_that_are_not_a_list_of_text_are_refused(keys: UserKeys, roles: Any) -> None:
    with pytest.raises(Unauthenticated):
        await UserTokens(keys).verify(keys.token(roles))


def test_a_jwks_document_is_read_and_other_keys_are_passed_over(keys: UserKeys) -> None:
    document = keys.jwks()
    document["keys"].append({"kty": "RSA", "kid": "old", "n": "x", "e": "AQAB"})
    assert set(read_keys(document)) == {KID}
    assert isinstance(read_keys(document)[KID], Ed25519PublicKey)


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"keys": []}, {"keys": [5]}, {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "short"}]}],
)
def test_what_is_no_jwks_document_is_refused(document: Any) -> None:
    with pytest.raises(ValueError, match="JWKS"):
        read_keys(document)


async def test_a_service_token_is_made_and_verified(tmp_path: Path) -> None:
    services = ServiceKeys(tmp_path, "order", "payment")
    signer = ServiceTokenSigner("order", service_tokens.read_private_key(services.key_file("order")))
    token = signer.token("inventory")
    assert await ServiceTokenVerifier("inventory", services.public_file).verify(token) == Service("order")


async def test_a_service_token_is_good_for_the_service_it_was_made_for_alone(tmp_path: Path) -> None:
    services = ServiceKeys(tmp_path, "order", "payment")
    token = ServiceTokenSigner("order", services.private["order"]).token("payment")
    for other in ("inventory", "order"):
        with pytest.raises(Unauthenticated):
            await ServiceTokenVerifier(other, services.public_file).verify(token)


@pytest.mark.parametrize("aud", ["argosy-internal", ["argosy-internal"], "inventory"])
async def test_a_service_token_for_no_one_service_is_refused(tmp_path: Path, aud: Any) -> None:
    services = ServiceKeys(tmp_path, "order")
    with pytest.raises(Unauthenticated):
        await ServiceTokenVerifier("inventory", services.public_file).verify(services.token("order", aud=aud))


async def test_a_service_token_is_good_for_a_minute_whatever_expiry_it_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = ServiceKeys(tmp_path, "order")
    now = time.time()
    token = services.token("order", aud="service:inventory", iat=int(now), exp=int(now) + 10**9)
    verifier = ServiceTokenVerifier("inventory", services.public_file)
    assert await verifier.verify(token) == Service("order")
    monkeypatch.setattr(service_tokens, "time", Clock(now + 70))
    for each in (verifier, ServiceTokenVerifier("inventory", services.public_file)):  # the one knows it already
        with pytest.raises(Unauthenticated, match="expired"):
            await each.verify(token)


def test_a_service_token_is_reused_while_it_has_half_its_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services = ServiceKeys(tmp_path, "order")
    signer = ServiceTokenSigner("order", services.private["order"])
    clock = Clock(1_000_000_000)
    monkeypatch.setattr(service_tokens, "time", clock)
    first = signer.token("payment")
    clock.now += 29
    assert signer.token("payment") == first
    assert signer.token("inventory") != first
    clock.now += 1
    second = signer.token("payment")
    assert second != first
    claims = jwt.decode(second, options={"verify_signature": False})
    audience = ["service:payment", "argosy-internal"]
    assert claims == {"iss": "service:order", "aud": audience, "iat": clock.now, "exp": clock.now + 60}


@pytest.mark.parametrize("content", ["{", "[]", '{"order": 5}', '{"order": "c2hvcnQ="}', '{"order": "***"}'])
def test_a_keys_file_that_is_none_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "keys.json"
    file.write_text(content)
    with pytest.raises(KeyFileError, match=r"keys\.json: must be JSON"):
        ServiceTokenVerifier("inventory", file)


def test_a_private_key_file_that_is_none_is_named_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text("secret")
    with pytest.raises(KeyFileError, match=r"key\.pem: must be a readable") as caught:
        service_tokens.read_private_key(file)
    assert "secret" not in str(caught.value)
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file.write_bytes(
        other.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    with pytest.raises(KeyFileError, match="must be an Ed25519 key"):
        service_tokens.read_private_key(file)


def test_the_form_of_the_keys_file_is_the_documented_one(tmp_path: Path) -> None:
    services = ServiceKeys(tmp_path, "order")
    written = json.loads(services.public_file.read_text())
    assert base64.b64decode(written["order"]) == services.private["order"].public_key().public_bytes_raw()
