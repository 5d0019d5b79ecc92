"""The secrets of a stack: generated once, kept in its data directory, each given only to the parts that need it."""

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

from facts import service
from facts.service import Secret
from local.files import make_private_directory, write_private

_SERVICES = service.read()
FERRETDB = "ferretdb"
"""The PostgreSQL role of FerretDB, which stores the laptop's MongoDB databases."""
POSTGRES_ROLES = (*(one.name for one in _SERVICES if one.store.kind == "postgres"), FERRETDB)


@dataclass(frozen=True)
class Credentials:
    """Secrets by name, and the directory of the keys."""

    words: Mapping[str, str]
    directory: Path

    def postgres_password(self, role: str) -> str:
        """The password of a database role; `postgres` is the superuser."""
        return self.words[f"postgres.{role}"]

    def secret(self, service: str, setting: str) -> str:
        """The random value of a service's secret setting. Raises KeyError for a setting of another kind."""
        return self.words[_word_of(service, setting)]

    @property
    def stripe_api_key(self) -> str:
        """The API key with which the payment service calls the Stripe sandbox."""
        return self.secret("payment", "STRIPE_API_KEY")

    @property
    def stripe_webhook_secret(self) -> str:
        """The key with which the sandbox signs its webhooks."""
        return self.secret("payment", "STRIPE_WEBHOOK_SECRET")

    def service_key_file(self, service: str) -> Path:
        """The private key (Ed25519, PEM) that signs a service's tokens."""
        return self.directory / f"service-{service}.pem"

    def secret_directory(self, name: str) -> Path:
        """A directory of secret files that one service maintains."""
        return self.directory / name

    @property
    def service_keys_file(self) -> Path:
        """The public keys of all services: JSON, name → base64 of the raw key."""
        return self.directory / "service-keys.json"


def ensure(directory: Path) -> Credentials:
    """Generate missing secrets, keep existing ones, and return all."""
    make_private_directory(directory)
    credentials = Credentials(_ensure_words(directory / "words.json"), directory)
    for one in _SERVICES:
        for name in one.secret_directories.values():
            make_private_directory(credentials.secret_directory(name))
    public = {one.name: _ensure_key(credentials.service_key_file(one.name)) for one in _SERVICES}
    write_private(credentials.service_keys_file, json.dumps(public, indent=2) + "\n")
    return credentials


def read(directory: Path) -> Credentials:
    """The credentials that `ensure` generated. Raises FileNotFoundError if it never ran."""
    return Credentials(json.loads((directory / "words.json").read_text()), directory)


def _ensure_words(path: Path) -> Mapping[str, str]:
    present: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = {name: prefix + secrets.token_hex(24) for name, prefix in _word_prefixes().items() if name not in present}
    if missing:
        write_private(path, json.dumps(present | missing, indent=2) + "\n")
    return present | missing


def _word_prefixes() -> dict[str, str]:
    """Name → prefix of every random secret."""
    return {
        **{f"postgres.{role}": "" for role in ("postgres", *POSTGRES_ROLES)},
        **{
            _word_of(one.name, setting): secret.prefix
            for one in _SERVICES
            for setting, secret in one.secrets.items()
            if is_word(secret)
        },
    }


def is_word(secret: Secret) -> bool:
    """Whether the secret is a random value on a laptop."""
    return not secret.laptop


def _word_of(service: str, setting: str) -> str:
    return f"{service}.{setting.lower()}"


def _ensure_key(path: Path) -> str:
    """Create the private key if it is missing. Returns the raw public key in base64."""
    if not path.exists():
        made = Ed25519PrivateKey.generate()
        pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(path, pem.decode())
    key = load_pem_private_key(path.read_bytes(), password=None)
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
