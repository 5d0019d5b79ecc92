"""Kafka over mutual TLS: who shows the cluster's certificate is believed, who shows another is not."""

import asyncio
import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from services.chassis.process.brokers import CERTIFICATE, CLUSTER_CA, KEY, Brokers, brokers


class Authority:
    """Signs certificates."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self._name, self._key.public_key(), authority=True)

    def issue(self, into: Path, name: str, certificate: str, key: str) -> None:
        own = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signed = self._sign(subject, own.public_key(), authority=False)
        (into / certificate).write_bytes(signed)
        (into / key).write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, authority: bool) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            # Python 3.13 and later look for these.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .add_extension(_usage(authority=authority), critical=True)
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _usage(*, authority: bool) -> x509.KeyUsage:
    unused = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign", "encipher_only"),
        False,
    )
    return x509.KeyUsage(digital_signature=not authority, key_cert_sign=authority, decipher_only=False, **unused)


def test_addresses_alone_mean_plain_text() -> None:
    assert brokers("a:1,b:2").options() == {"bootstrap_servers": ["a:1", "b:2"]}
    given = Brokers("a:1", Path("/nowhere"))
    assert brokers(given) is given
    with pytest.raises(OSError, match="No such file"):
        given.options()


@pytest.mark.parametrize("believed", [True, False])
async def test_both_ends_prove_who_they_are(tmp_path: Path, believed: bool) -> None:
    cluster, clients = Authority("cluster"), Authority("clients")
    cluster.issue(tmp_path, "broker", "broker.crt", "broker.key")
    clients.issue(tmp_path, "order", CERTIFICATE, KEY)
    (tmp_path / CLUSTER_CA).write_bytes((cluster if believed else Authority("another")).certificate)
    (tmp_path / "clients.crt").write_bytes(clients.certificate)

    broker = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tmp_path / "clients.crt"))
    broker.load_cert_chain(tmp_path / "broker.crt", tmp_path / "broker.key")
    broker.verify_mode = ssl.CERT_REQUIRED
    seen: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        subject = writer.get_extra_info("peercert")["subject"]
        seen.set_result(subject[0][0][1])
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=broker) as server:
        port = server.sockets[0].getsockname()[1]
        options = Brokers(f"localhost:{port}", tmp_path).options()
        assert options["security_protocol"] == "SSL"
        connecting = asyncio.open_connection("127.0.0.1", port, ssl=options["ssl_context"], server_hostname="localhost")
        if not believed:
            with pytest.raises(ssl.SSLCertVerificationError):
                await connecting
            assert not seen.done()
            return
        _, writer = await connecting
        assert await seen == "order"
        writer.close()
