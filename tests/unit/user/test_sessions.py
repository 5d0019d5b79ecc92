"""Tokens: their claims, their lifetime, and that every service's verifier accepts them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import jwt
import pytest

from services.chassis.plain import clock
from services.chassis.plain.errors import Unauthenticated
from services.chassis.plain.ids import new_id
from services.chassis.rpc.user_tokens import UserTokens
from services.user.adapters.session_tokens import JwtSessionOpener
from services.user.adapters.signing_keys import KeyFiles, KeyRing
from services.user.domain.sessions import Client

CLIENT = Client("mobile-app", ip_address("203.0.113.7"), "Argosy/1.0")
WHEN = datetime(2026, 3, 1, 9, 30, 0, 125_000, tzinfo=UTC)


@pytest.fixture
async def keys(tmp_path: Path) -> KeyRing:
    ring = KeyRing(tmp_path, timedelta(minutes=15))
    await ring.start()
    return ring


def test_a_token_has_subject_audience_and_expiry(keys: KeyRing) -> None:
    account_id = new_id()
    session = JwtSessionOpener(keys, lambda: WHEN).open(account_id, ["staff"], CLIENT)
    claims = jwt.decode(session.token, options={"verify_signature": False})
    issued = int(WHEN.replace(microsecond=0).timestamp())
    assert claims == {
        "iss": "https://argosy.local",
        "aud": "https://api.myapp.com",
        "sub": str(account_id),
        "sid": str(session.id),
        "roles": ["staff"],
        "azp": "mobile-app",
        "iat": issued,
        "exp": issued + 24 * 3600,
    }
    assert session.expires_at.timestamp() == claims["exp"]
    header = jwt.get_unverified_header(session.token)
    assert (header["alg"], header["kid"]) == ("EdDSA", keys.signing_key(WHEN).kid)


async def test_every_service_takes_it(keys: KeyRing) -> None:
    account_id = new_id()
    session = JwtSessionOpener(keys, clock.now).open(account_id, ["staff"], CLIENT)
    user = await UserTokens(keys).verify(session.token)
    assert (user.id, user.session_id, user.client_app) == (str(account_id), str(session.id), "mobile-app")
    assert user.is_staff


async def test_a_customer_has_no_roles_and_a_good_token(keys: KeyRing) -> None:
    session = JwtSessionOpener(keys, clock.now).open(new_id(), (), CLIENT)
    assert not (await UserTokens(keys).verify(session.token)).roles


async def test_after_24_hours_nobody_takes_it(keys: KeyRing) -> None:
    long_ago = clock.now() - timedelta(hours=24, minutes=1)
    session = JwtSessionOpener(keys, lambda: long_ago).open(new_id(), (), CLIENT)
    with pytest.raises(Unauthenticated, match="expired"):
        await UserTokens(keys).verify(session.token)


async def test_rotating_the_keys_signs_nobody_out(keys: KeyRing, tmp_path: Path) -> None:
    before = JwtSessionOpener(keys, clock.now).open(new_id(), (), CLIENT)
    KeyFiles(tmp_path).add(clock.now() + timedelta(seconds=1))
    await keys.start()
    after = JwtSessionOpener(keys, lambda: clock.now() + timedelta(minutes=20)).open(new_id(), (), CLIENT)
    assert jwt.get_unverified_header(before.token)["kid"] != jwt.get_unverified_header(after.token)["kid"]
    verifier = UserTokens(keys)
    assert (await verifier.verify(before.token)).session_id == str(before.id)
    claims = jwt.decode(
        after.token,
        await keys.key(jwt.get_unverified_header(after.token)["kid"]),  # type: ignore[arg-type]
        algorithms=["EdDSA"],
        audience="https://api.myapp.com",
        options={"verify_iat": False},
    )
    assert claims["sid"] == str(after.id)


def test_what_is_kept_of_a_token_is_its_hash(keys: KeyRing) -> None:
    one, other = (JwtSessionOpener(keys, lambda: WHEN).open(new_id(), (), CLIENT) for _ in range(2))
    assert one.token_hash == hashlib.sha256(one.token.encode()).digest()
    assert one.token_hash != other.token_hash
    assert one.token not in repr(one)
