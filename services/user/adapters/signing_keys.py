"""The keys that sign user tokens: files in one directory, read again every few seconds.

A file `<created>-<random>.pem` has one Ed25519 private key (PKCS 8). Its name without `.pem` is the key's `kid`, and
begins with the time of the key's publication, such as `20260301T093000Z-5f1c9ae2`. All keys are in the JWKS; the
newest signs once it has been public for long enough (domain/signing_keys.py). To rotate keys without signing anyone
out, add a file, and delete the old one when the last token that it signed has expired. Replicas share the directory
(or copies from one source); the first replica that finds it empty creates the first key.
"""

from __future__ import annotations

import asyncio
import base64
import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from services.chassis.plain import clock
from services.chassis.plain.crash_points import reach
from services.user.domain.signing_keys import BadKeys, choose_signing_key

_TIME = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"(?P<created>\d{8}T\d{6}Z)-[0-9a-f]{8}")

_log = structlog.get_logger()


@dataclass(frozen=True)
class SigningKey:
    """One key, private half included."""

    kid: str
    created_at: datetime
    private: Ed25519PrivateKey = field(repr=False)

    def public_jwk(self) -> dict[str, str]:
        """The public key as a JWK (RFC 8037)."""
        raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.kid, "x": x}


class KeyFiles:
    """The keys of one directory (ports.KeyStore)."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def read(self) -> Sequence[SigningKey]:
        """See ports.KeyStore.read."""
        try:
            keys = [_read_key(path) for path in sorted(self.directory.glob("*.pem"))]
        except OSError as error:
            raise BadKeys(f"{self.directory}: {error.strerror}") from error
        if not keys:
            raise BadKeys(f"{self.directory} holds no key")
        return keys

    def ensure(self, now: datetime) -> bool:
        """Create the first key if there is none. True: it was created. Safe to run concurrently."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.alone():
            if any(self.directory.glob("*.pem")):
                return False
            self.add(now)
            return True

    def add(self, now: datetime) -> str:
        """See ports.KeyStore.add. Readers never see an incomplete file; after the return, a power cut loses no key.

        The caller holds `alone`: unfinished files of a crashed process are deleted.
        """
        for left in self.directory.glob("*.new"):
            left.unlink()
        target = self._path(f"{now.astimezone(UTC).strftime(_TIME)}-{secrets.token_hex(4)}")
        unfinished = target.with_suffix(".new")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            file.flush()
            os.fsync(file.fileno())
        reach("keys.written")
        unfinished.rename(target)
        reach("keys.renamed")
        self._sync()
        return target.stem

    def remove(self, kid: str) -> None:
        """See ports.KeyStore.remove. After the return, the key stays deleted even after a power cut."""
        self._path(kid).unlink()
        reach("keys.removed")
        self._sync()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """See ports.KeyStore.alone."""
        descriptor = os.open(self.directory, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # the system releases it when the process ends
            yield
        finally:
            os.close(descriptor)

    def _path(self, kid: str) -> Path:
        return self.directory / f"{kid}.pem"

    def _sync(self) -> None:
        descriptor = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class KeyRing:
    """The keys of the directory at the last read.

    A Resource (without a key the service does not serve), and the KeySource with which this service verifies tokens.
    """

    name = "token-keys"

    def __init__(self, directory: Path, settle: timedelta) -> None:
        """`settle`: how long a new key is public before it signs; longer than any client caches a JWKS."""
        self._files = KeyFiles(directory)
        self._settle = settle
        self._keys: dict[str, SigningKey] = {}
        self._jwks = b""
        self._problem = ""

    async def start(self) -> None:
        """Read the keys; create the first one if there is none. Raises BadKeys, and OSError."""
        await asyncio.to_thread(self._files.ensure, clock.now())
        self._take(await asyncio.to_thread(self._files.read))

    async def stop(self) -> None:
        """Nothing to close."""

    async def check(self) -> None:
        """Always healthy: keys that were read stay valid, even if the files are lost."""

    async def refresh(self) -> None:
        """Read the directory again; if that fails, keep the last keys."""
        try:
            self._take(await asyncio.to_thread(self._files.read))
            self._problem = ""
        except BadKeys as error:
            if str(error) != self._problem:
                self._problem = str(error)
                _log.error("token_keys_unreadable", problem=self._problem, kept=list(self._keys))

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        """The public key with that id; None if there is none."""
        key = self._keys.get(kid)
        return key.private.public_key() if key else None

    def signing_key(self, now: datetime) -> SigningKey:
        """The current signing key."""
        return choose_signing_key(list(self._keys.values()), now, self._settle)

    def jwks(self) -> bytes:
        """The JSON Web Key Set: the public halves of all keys."""
        return self._jwks

    def _take(self, keys: Sequence[SigningKey]) -> None:
        taken = {key.kid: key for key in keys}
        if taken.keys() != self._keys.keys():
            _log.info("token_keys_read", kids=list(taken))
        self._keys = taken
        self._jwks = json.dumps({"keys": [key.public_jwk() for key in keys]}).encode()


def _read_key(path: Path) -> SigningKey:
    created_at = _created_at(path.stem)
    if created_at is None:
        raise BadKeys(f"{path}: the name must be like 20260301T093000Z-5f1c9ae2.pem, the time and 8 hex digits")
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise BadKeys(f"{path}: not an unencrypted private key in PEM") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise BadKeys(f"{path}: not an Ed25519 key")
    return SigningKey(path.stem, created_at, private)


def _created_at(kid: str) -> datetime | None:
    name = _NAME.fullmatch(kid)
    try:
        return datetime.strptime(name["created"], _TIME).replace(tzinfo=UTC) if name else None
    except ValueError:  # digits that are no valid time
        return None
