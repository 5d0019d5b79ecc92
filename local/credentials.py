"""The secrets of one stack: made once, kept in its data directory, each handed only to the parts that need it."""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from local.files import make_private_directory, write_private
from local.ports import SERVICES

POSTGRES_ROLES = ("user", "payment", "inventory", "notification", "ferretdb")
_IDEMPOTENT = ("user", "order", "payment", "inventory")


@dataclass(frozen=True)
class Credentials:
    """Words by name, and the directory with the keys."""

    words: Mapping[str, str]
    directory: Path

    def postgres_password(self, role: str) -> str:
        """The password of a database role; `postgres` is the superuser."""
        return self.words[f"postgres.{role}"]

    def idempotency_secret(self, service: str) -> str:
        """What the service keys its fingerprints with."""
        return self.words[f"idempotency.{service}"]

    @property
    def stripe_api_key(self) -> str:
        """What the payment service shows to the Stripe sandbox."""
        return self.words["stripe.api_key"]

    @property
    def stripe_webhook_secret(self) -> str:
        """What the sandbox signs its webhooks with."""
        return self.words["stripe.webhook_secret"]

    def service_key_file(self, service: str) -> Path:
        """The private key (Ed25519, PEM) with which a service signs its own tokens."""
        return self.directory / f"service-{service}.pem"

    @property
    def service_keys_file(self) -> Path:
        """The public keys of all services: JSON, name → base64 of the raw key."""
        return self.directory / "service-keys.json"

    @property
    def token_keys_directory(self) -> Path:
        """Where the user service keeps the keys that sign people's tokens."""
        return self.directory / "token-keys"


def ensure(directory: Path) -> Credentials:
    """Make what is missing, change nothing that is there, and read it all."""
    make_private_directory(directory)
    credentials = Credentials(_ensure_words(directory / "words.json"), directory)
    make_private_directory(credentials.token_keys_directory)
    public = {service: _ensure_key(credentials.service_key_file(service)) for service in SERVICES}
    write_private(credentials.service_keys_file, json.dumps(public, indent=2) + "\n")
    return credentials


def read(directory: Path) -> Credentials:
    """The credentials that `ensure` made. Raises FileNotFoundError when it never ran."""
    return Credentials(json.loads((directory / "words.json").read_text()), directory)


def _ensure_words(path: Path) -> Mapping[str, str]:
    present: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = {name: prefix + secrets.token_hex(24) for name, prefix in _word_prefixes().items() if name not in present}
    if missing:
        write_private(path, json.dumps(present | missing, indent=2) + "\n")
    return present | missing


def _word_prefixes() -> dict[str, str]:
    """Every word we make, with what it starts with (Stripe's keys say what they are)."""
    return {
        **{f"postgres.{role}": "" for role in ("postgres", *POSTGRES_ROLES)},
        **{f"idempotency.{service}": "" for service in _IDEMPOTENT},
        "stripe.api_key": "sk_test_",
        "stripe.webhook_secret": "whsec_",
    }


def _ensure_key(path: Path) -> str:
    """Make the private key when it is missing; the public half, raw, in base64."""
    if not path.exists():
        made = Ed25519PrivateKey.generate()
        pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(path, pem.decode())
    key = load_pem_private_key(path.read_bytes(), password=None)
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
