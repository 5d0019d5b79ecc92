"""Prints the Secrets that the overlay dev reads: `python -m local.manifests.secrets | kubectl apply -f -`.

They are made once and kept under .local/cluster. Stripe's and the mail server's come from the environment:
STRIPE_API_KEY, STRIPE_WEBHOOK_SECRET, SMTP_URL.
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

from local import credentials
from local.credentials import Credentials
from local.files import make_private_directory, write_private
from local.paths import STACKS
from local.ports import SERVICES
from services.chassis import clock
from services.user.adapters.signing_keys import KeyFiles

NAMESPACE = "argosy-secrets"
_HOST = "api.myapp.com"
_GIVEN = ("STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET", "SMTP_URL")
_ON_POSTGRES = ("user", "payment", "inventory", "notification")


def main() -> int:
    """Entry point; returns 2 when the environment lacks something."""
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
    """Every Secret of the overlay by name: the keys are those that its ExternalSecrets ask for."""
    made: dict[str, dict[str, str]] = {}
    for service in _ON_POSTGRES:
        password = own.postgres_password(service)
        address = f"{service}-postgres.stores.svc.cluster.local:5432/{service}"
        made[service] = {"DATABASE_URL": f"postgresql://{service}:{password}@{address}"}
        made[f"{service}-store"] = {"password": password}
    # Not used by a role of that name here: the word of the laptop's FerretDB serves as MongoDB's.
    password = own.postgres_password("ferretdb")
    address = "order-mongodb.stores.svc.cluster.local:27017/orders?authSource=admin"
    made["order"] = {"MONGO_URL": f"mongodb://order:{password}@{address}"}
    made["order-store"] = {"password": password}
    for service in ("user", "order", "payment", "inventory"):
        made[service]["IDEMPOTENCY_SECRET"] = own.idempotency_secret(service)
    made["payment"] |= {name: given[name] for name in ("STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET")}
    made["notification"]["SMTP_URL"] = given["SMTP_URL"]
    for service in SERVICES:
        made[f"{service}-service-key"] = {"service.pem": own.service_key_file(service).read_text()}
    made["service-keys"] = {"service-keys.json": own.service_keys_file.read_text()}
    KeyFiles(own.token_keys_directory).ensure(clock.now())
    made["user-token-keys"] = {path.name: path.read_text() for path in sorted(own.token_keys_directory.glob("*.pem"))}
    made["api-tls"] = _certificate(directory)
    return made


def _certificate(directory: Path) -> dict[str, str]:
    """A certificate for the public name, signed by itself."""
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
