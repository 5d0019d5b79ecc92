"""Nobody is heard without a certificate of the mesh's own authority."""

import socket
import ssl
from pathlib import Path

import grpc
import pytest

from local.ports import BASE, SERVICES
from local.stack import Stack
from mesh.certificates import issue
from mesh.pods import NAMESPACE, PODS, Pod
from tests.mesh.calls import DENIED_BY_THE_MESH, HEALTH, ask
from tests.mesh.lab import Lab, until

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""What an HTTP/2 client sends first: its preface and empty SETTINGS."""
_SECONDS = 10


@pytest.mark.parametrize("service", SERVICES)
def test_plain_text_is_refused(service: str, stack: Stack) -> None:
    code, text = _in_plain_text(stack, service)
    assert code == grpc.StatusCode.UNAVAILABLE, text


def test_plain_text_is_heard_when_the_mesh_is_permissive(stack: Stack, lab: Lab) -> None:
    """The control, and the mutation: without STRICT the sidecar listens, and answers."""
    permissive = {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": "notification", "namespace": NAMESPACE},
        "spec": {"selector": {"matchLabels": dict(PODS["notification"].labels)}, "mtls": {"mode": "PERMISSIVE"}},
    }
    with lab.changed(permissive):
        until(lambda: _in_plain_text(stack, "notification") == DENIED_BY_THE_MESH, "plain text is refused all the same")
    until(
        lambda: _in_plain_text(stack, "notification")[0] == grpc.StatusCode.UNAVAILABLE, "plain text is heard for ever"
    )


@pytest.mark.parametrize("service", SERVICES)
def test_a_certificate_of_another_authority_is_refused(
    service: str, stack: Stack, lab: Lab, stranger: Pod, tmp_path: Path
) -> None:
    """It names the edge, whom every service listens to; who signed it decides. The control has the mesh's own."""
    chain, key, _ = issue("edge", f"spiffe://cluster.local/ns/{NAMESPACE}/sa/edge")
    (tmp_path / "chain.pem").write_text(chain)
    (tmp_path / "key.pem").write_text(key)
    own_chain, own_key, root = lab.certificate(stranger)
    assert _is_heard(stack, service, own_chain, own_key, root)
    assert not _is_heard(stack, service, str(tmp_path / "chain.pem"), str(tmp_path / "key.pem"), root)


def test_every_workload_has_a_certificate_of_its_own_account(stack: Stack, lab: Lab, stranger: Pod) -> None:
    """What a sidecar shows is its ServiceAccount's, signed by istiod."""
    own_chain, own_key, root = lab.certificate(stranger)
    for name in SERVICES:
        with _connected(stack, name, own_chain, own_key, root) as connection:
            names = (connection.getpeercert() or {}).get("subjectAltName", ())
        assert names == (("URI", f"spiffe://cluster.local/ns/{NAMESPACE}/sa/{name}"),)


def _in_plain_text(stack: Stack, service: str) -> tuple[grpc.StatusCode, str]:
    with grpc.insecure_channel(f"{PODS[service].address(stack)}:{BASE[f'{service}-grpc']}") as channel:
        return ask(channel, HEALTH)


def _is_heard(stack: Stack, service: str, chain: str, key: str, root: str) -> bool:
    """Whether the other side sends anything after the handshake: only then has it taken our certificate."""
    try:
        with _connected(stack, service, chain, key, root) as connection:
            connection.sendall(_PREFACE)
            return bool(connection.recv(1))
    except (ssl.SSLError, ConnectionError):
        return False


def _connected(stack: Stack, service: str, chain: str, key: str, root: str) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=root)
    context.check_hostname = False  # workloads have names of another kind
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(chain, key)
    address = (PODS[service].address(stack), BASE[f"{service}-grpc"])
    return context.wrap_socket(socket.create_connection(address, timeout=_SECONDS))
