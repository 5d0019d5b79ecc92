"""Key files: made whole, read whole, rotated without signing anyone out."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from services.chassis.process.periodic import Periodic
from services.chassis.rpc.jwks import read_keys
from services.user.adapters.signing_keys import KeyFiles, KeyRing
from services.user.domain.signing_keys import BadKeys

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SETTLE = timedelta(minutes=15)
GOOD_NAME = "20260301T093000Z-5f1c9ae2.pem"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "token-keys"


@pytest.fixture
def old_key(directory: Path) -> str:
    """The kid of a key that has been there for long."""
    directory.mkdir()
    return KeyFiles(directory).add(NOW - timedelta(days=30))


async def ring(directory: Path) -> KeyRing:
    keys = KeyRing(directory, SETTLE)
    await keys.start()
    return keys


def kids(keys: KeyRing) -> list[str]:
    return [entry["kid"] for entry in json.loads(keys.jwks())["keys"]]


class TestFiles:
    def test_the_first_key_is_made_once(self, directory: Path) -> None:
        assert KeyFiles(directory).ensure(NOW)
        before = sorted(directory.iterdir())
        assert not KeyFiles(directory).ensure(NOW + timedelta(days=1))
        assert sorted(directory.iterdir()) == before

    def test_nobody_else_may_read_them(self, directory: Path) -> None:
        KeyFiles(directory).ensure(NOW)
        [file] = directory.iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700

    def test_processes_that_start_at_once_make_one_key(self, directory: Path) -> None:
        code = (
            "import pathlib, sys; from services.chassis.plain import clock;"
            "from services.user.adapters.signing_keys import KeyFiles;"
            "sys.stdin.read(); KeyFiles(pathlib.Path(sys.argv[1])).ensure(clock.now())"
        )
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", code, str(directory)],
                stdin=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
            for _ in range(4)
        ]
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
        assert [process.wait(30) for process in processes] == [0, 0, 0, 0]
        assert len(list(directory.iterdir())) == 1

    def test_read_answers_the_oldest_first(self, directory: Path) -> None:
        KeyFiles(directory).ensure(NOW)
        KeyFiles(directory).add(NOW - timedelta(days=1))
        KeyFiles(directory).add(NOW + timedelta(seconds=1))
        assert [key.created_at for key in KeyFiles(directory).read()] == [
            NOW - timedelta(days=1), NOW, NOW + timedelta(seconds=1)
        ]  # fmt: skip

    def test_what_a_crash_left_half_written_is_passed_over(self, directory: Path) -> None:
        KeyFiles(directory).ensure(NOW)
        (directory / "20260301T093000Z-5f1c9ae2.new").write_bytes(b"-----BEGIN PRIV")
        assert len(KeyFiles(directory).read()) == 1

    def test_the_next_key_deletes_what_a_crash_left_half_written(self, directory: Path) -> None:
        KeyFiles(directory).ensure(NOW)
        left = directory / "20260301T093000Z-5f1c9ae2.new"
        left.write_bytes(pem())
        added = KeyFiles(directory).add(NOW + timedelta(seconds=1))
        assert not left.exists()
        assert directory / f"{added}.pem" in directory.iterdir()

    def test_an_empty_directory_is_reported(self, directory: Path) -> None:
        directory.mkdir()
        with pytest.raises(BadKeys, match="holds no key"):
            KeyFiles(directory).read()

    @pytest.mark.parametrize("name", ["key.pem", "20260301-5f1c9ae2.pem", "20260301T093000Z-5F1C9AE2.pem"])
    def test_a_file_by_another_name_is_named(self, directory: Path, name: str) -> None:
        directory.mkdir()
        (directory / name).write_bytes(pem())
        with pytest.raises(BadKeys, match=name):
            KeyFiles(directory).read()

    def test_a_file_that_names_no_time_is_named(self, directory: Path) -> None:
        directory.mkdir()
        (directory / "20261301T093000Z-5f1c9ae2.pem").write_bytes(pem())
        with pytest.raises(BadKeys, match="20261301T093000Z"):
            KeyFiles(directory).read()

    @pytest.mark.parametrize("content", ["nothing", "garbage", "other kind", "encrypted"])
    def test_a_file_that_holds_no_key_of_ours_is_named_and_not_shown(self, directory: Path, content: str) -> None:
        directory.mkdir()
        (directory / GOOD_NAME).write_bytes(
            {
                "nothing": b"",
                "garbage": b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n",
                "other kind": generate_private_key(SECP256R1()).private_bytes(
                    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
                ),
                "encrypted": Ed25519PrivateKey.generate().private_bytes(
                    Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
                ),
            }[content]
        )
        with pytest.raises(BadKeys, match=GOOD_NAME) as refused:
            KeyFiles(directory).read()
        assert "c2VjcmV0" not in str(refused.value)


class TestRing:
    async def test_starts_from_nothing(self, directory: Path) -> None:
        keys = await ring(directory)
        assert keys.signing_key(NOW).kid == kids(keys)[0]

    async def test_the_key_set_is_what_verifiers_read_and_has_no_private_half(self, directory: Path) -> None:
        keys = await ring(directory)
        document = json.loads(keys.jwks())
        assert [set(entry) for entry in document["keys"]] == [{"kty", "crv", "use", "alg", "kid", "x"}]
        signing = keys.signing_key(NOW)
        token = jwt.encode({"sub": "someone"}, signing.private, algorithm="EdDSA")
        assert jwt.decode(token, read_keys(document)[signing.kid], algorithms=["EdDSA"]) == {"sub": "someone"}

    async def test_is_the_key_source_of_its_own_service(self, directory: Path) -> None:
        keys = await ring(directory)
        kid = kids(keys)[0]
        assert await keys.key(kid) == keys.signing_key(NOW).private.public_key()
        assert await keys.key("20260301T093000Z-00000000") is None

    async def test_a_new_key_is_public_before_it_signs(self, directory: Path, old_key: str) -> None:
        new = KeyFiles(directory).add(NOW)
        keys = await ring(directory)
        assert kids(keys) == [old_key, new]
        assert keys.signing_key(NOW).kid == old_key
        assert keys.signing_key(NOW + SETTLE).kid == new

    async def test_keys_come_and_go_while_it_runs(self, directory: Path) -> None:
        keys = await ring(directory)
        [first] = kids(keys)
        watching = asyncio.create_task(Periodic("token-keys", keys.refresh, 0.01).run())
        second = KeyFiles(directory).add(NOW)
        await until(lambda: set(kids(keys)) == {first, second})
        (directory / f"{first}.pem").unlink()
        await until(lambda: kids(keys) == [second])
        assert await keys.key(first) is None
        watching.cancel()

    async def test_keys_that_were_read_outlive_trouble_with_the_files(self, directory: Path) -> None:
        keys = await ring(directory)
        before = kids(keys)
        watching = asyncio.create_task(Periodic("token-keys", keys.refresh, 0.01).run())
        bad = directory / GOOD_NAME
        bad.write_bytes(b"")
        await asyncio.sleep(0.1)
        assert kids(keys) == before
        assert keys.signing_key(NOW).kid == before[0]
        await keys.check()
        bad.write_bytes(pem())
        await until(lambda: len(kids(keys)) == 2)
        watching.cancel()

    async def test_a_bad_file_keeps_the_service_from_starting(self, directory: Path, old_key: str) -> None:
        (directory / f"{old_key}.pem").rename(directory / "old.pem")
        with pytest.raises(BadKeys, match="old"):
            await ring(directory)


def pem() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came about")
