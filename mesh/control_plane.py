"""The control plane as parts: etcd, kube-apiserver and istiod."""

import http.client
import ssl

from local.health import answering
from local.part import Group, Part
from local.paths import PYTHON
from local.ports import HOST
from local.stack import Stack
from manifests.installation import installed
from mesh.cluster import Cluster
from mesh.paths import BIN

_PROBE_SECONDS = 2


def control_plane(stack: Stack) -> tuple[Part, ...]:
    """The parts. All start at once; each fails and restarts until those it needs are up."""
    return (_etcd(stack), _apiserver(stack), _manifests(), _everything(), _istiod(stack))


def _etcd(stack: Stack) -> Part:
    client, peer = stack.url("etcd"), stack.url("etcd-peer")
    command = (
        str(BIN / "etcd"),
        f"--data-dir={stack.data / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        # Its data is rebuilt from the manifests at every start, so losing it is harmless.
        "--unsafe-no-fsync",
        "--log-level=warn",
    )
    return Part("etcd", Group.CONTROL_PLANE, command, answering("etcd", "/health"), ("etcd", "etcd-peer"))


def _apiserver(stack: Stack) -> Part:
    cluster = Cluster(stack)
    command = (
        str(BIN / "kube-apiserver"),
        f"--etcd-servers={stack.url('etcd')}",
        f"--bind-address={HOST}",
        f"--secure-port={stack.port('kube-apiserver')}",
        f"--cert-dir={cluster.directory}",
        f"--service-account-key-file={cluster.account_public_key}",
        f"--service-account-signing-key-file={cluster.account_key}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        "--service-cluster-ip-range=10.96.0.0/16",
        f"--token-auth-file={cluster.tokens}",
        "--authorization-mode=RBAC",
        # No controller creates their tokens here.
        "--disable-admission-plugins=ServiceAccount",
        "--endpoint-reconciler-type=none",
    )
    return Part("kube-apiserver", Group.CONTROL_PLANE, command, _serving, ("kube-apiserver",), needs=("etcd",))


def _manifests() -> Part:
    """Applies the shipped manifests and this machine's addresses."""
    command = (str(PYTHON), "-m", "local.until_done", str(PYTHON), "-m", "mesh.apply")
    return Part("manifests", Group.CONTROL_PLANE, command, None, needs=("kube-apiserver",))


def _everything() -> Part:
    """Validates all other manifests with a dry run."""
    command = (str(PYTHON), "-m", "local.until_done", str(PYTHON), "-m", "mesh.everything")
    return Part("everything", Group.CONTROL_PLANE, command, None, needs=("manifests",))


def _istiod(stack: Stack) -> Part:
    directory = stack.run / "istiod"
    command = (
        str(PYTHON),
        "-m",
        "mesh.istiod",
        str(directory),
        str(BIN / "pilot-discovery"),
        "discovery",
        f"--kubeconfig={Cluster(stack).kubeconfig}",
        f"--meshConfig={directory / 'mesh.yaml'}",
        f"--grpcAddr={stack.address('istiod-grpc')}",
        f"--secureGRPCAddr={stack.address('istiod-tls')}",
        f"--httpAddr={stack.address('istiod-http')}",
        f"--httpsAddr={stack.address('istiod-webhooks')}",
        f"--monitoringAddr={stack.address('istiod-metrics')}",
        "--ctrlz_address=127.0.0.1",
        f"--ctrlz_port={stack.port('istiod-introspection')}",
        "--log_output_level=default:warn",
    )
    environment = {
        "POD_NAME": "istiod",
        "POD_NAMESPACE": installed().namespace,
        "CLUSTER_ID": installed().sidecars["clusterId"],
        # Two filters exist only in Istio's own build of Envoy.
        "PILOT_ENABLE_METADATA_EXCHANGE": "false",
        "PILOT_ENABLE_ALPN_FILTER": "false",
    }
    ports = tuple(f"istiod-{name}" for name in ("grpc", "tls", "http", "webhooks", "metrics", "introspection"))
    ready = answering("istiod-http", "/ready")
    return Part("istiod", Group.CONTROL_PLANE, command, ready, ports, environment, needs=("manifests",))


def _serving(stack: Stack) -> bool:
    """Whether the API server is ready (it listens before that)."""
    try:
        trust = ssl.create_default_context(cafile=str(Cluster(stack).directory / "apiserver.crt"))
        connection = http.client.HTTPSConnection(
            HOST, stack.port("kube-apiserver"), timeout=_PROBE_SECONDS, context=trust
        )
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
