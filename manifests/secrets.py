"""Prints the Secrets of the overlay dev: `python -m manifests.secrets | kubectl apply -f -`.

They are generated once and kept under .local/cluster. Secrets that another party issues (`given` in a service's facts,
such as Stripe's keys) come from the environment.
"""

import datetime
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from facts.service import Service
from facts.system import system
from local import credentials
from local.credentials import FERRETDB, Credentials
from local.files import make_private_directory, write_private
from local.paths import STACKS
from services.chassis.plain import clock
from services.user.adapters.signing_keys import KeyFiles

NAMESPACE = "argosy-secrets"
_HOST = "api.myapp.com"
_GIVEN = tuple(name for one in system().services for name, secret in one.secrets.items() if secret.given)


def main() -> int:
    """Entry point. Returns 2 if the environment lacks a secret."""
    lacking = [name for name in _GIVEN if not os.environ.get(name)]
    if lacking:
        print(f"set {', '.join(lacking)}", file=sys.stderr)
        return 2
    directory = STACKS / "cluster"
    make_private_directory(directory)
    made = secrets(credentials.ensure(directory), {name: os.environ[name] for name in _GIVEN}, directory)
    documents = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "stringData": dict(data),
        }
        for name, data in made.items()
    ]
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    print(yaml.safe_dump_all([namespace, *documents]), end="")
    return 0


def secrets(own: Credentials, given: Mapping[str, str], directory: Path) -> Mapping[str, Mapping[str, str]]:
    """Secret name → its keys and values, as the overlay's ExternalSecrets expect them."""
    made: dict[str, Mapping[str, str]] = {}
    KeyFiles(own.secret_directory("token-keys")).ensure(clock.now())  # in a cluster nothing else creates the first key
    for one in system().services:
        password = own.postgres_password(one.name if one.store.kind == "postgres" else FERRETDB)
        made[one.name] = {**_store(one, password), **_words(one, own, given)}
        if one.store.kind != "none":
            made[f"{one.name}-store"] = {"password": password}
        made[f"{one.name}-service-key"] = {"service.pem": own.service_key_file(one.name).read_text()}
        for name in one.secret_directories.values():
            files = sorted(own.secret_directory(name).iterdir())
            made[f"{one.name}-{name}"] = {path.name: path.read_text() for path in files}
    made["service-keys"] = {"service-keys.json": own.service_keys_file.read_text()}
    made["api-tls"] = _certificate(directory)
    return made


def _store(service: Service, password: str) -> Mapping[str, str]:
    """The URL of its store. MongoDB uses FerretDB's password of the laptop, where it has no such role."""
    name, where = service.name, f"{service.name}-{{}}.stores.svc.cluster.local"
    match service.store.kind:
        case "postgres":
            address = f"{where.format('postgres')}:5432/{service.database}"
            return {service.store_setting: f"postgresql://{name}:{password}@{address}"}
        case "mongo":
            address = f"{where.format('mongodb')}:27017/{service.database}?authSource=admin"
            return {service.store_setting: f"mongodb://{name}:{password}@{address}"}
        case _:
            return {}


def _words(service: Service, own: Credentials, given: Mapping[str, str]) -> Mapping[str, str]:
    return {
        setting: given[setting] if secret.given else own.secret(service.name, setting)
        for setting, secret in service.secrets.items()
    }


def _certificate(directory: Path) -> dict[str, str]:
    """A self-signed certificate for the public host name."""
    certificate, key = directory / "tls.crt", directory / "tls.key"
    if not certificate.exists():
        own = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _HOST)])
        now = datetime.datetime.now(datetime.UTC)
        signed = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=90))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(_HOST)]), critical=False)
            .sign(own, hashes.SHA256())
        )
        write_private(key, own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
        write_private(certificate, signed.public_bytes(Encoding.PEM).decode())
    return {"tls.crt": certificate.read_text(), "tls.key": key.read_text()}


if __name__ == "__main__":
    sys.exit(main())
