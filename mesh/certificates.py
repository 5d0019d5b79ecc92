"""The gateway's certificate on this machine, issued once by a local authority that the demo trusts."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from local.files import make_private_directory, write_private
from mesh.pods import GATEWAY_HOST

_LIFE = timedelta(days=365)


@dataclass(frozen=True)
class Certificate:
    """In PEM: certificate, private key, and the authority to trust."""

    chain: str
    key: str
    authority: Path


def gateway_certificate(secrets: Path) -> Certificate:
    """The certificate, created at the first call."""
    directory = make_private_directory(secrets / "gateway")
    chain, key, authority = (directory / name for name in ("tls.crt", "tls.key", "ca.crt"))
    # The authority is written last: it marks the files as complete.
    if not authority.exists():
        made = issue(GATEWAY_HOST)
        write_private(chain, made[0])
        write_private(key, made[1])
        write_private(authority, made[2])
    return Certificate(chain.read_text(), key.read_text(), authority)


def issue(host: str, uri: str = "") -> tuple[str, str, str]:
    """Issue a certificate for a host (and a workload's URI) by a new authority. Returns chain, key, authority."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName(host)]
    if uri:
        names.append(x509.UniformResourceIdentifier(uri))
    authority = _sign("Argosy on this machine", authority_key, None, authority_key, [])
    leaf = _sign(host, key, authority, authority_key, names)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return leaf.public_bytes(Encoding.PEM).decode(), pem, authority.public_bytes(Encoding.PEM).decode()


def _sign(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey,
    names: list[x509.GeneralName],
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _LIFE)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
