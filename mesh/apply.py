"""Applies all that the mesh runs on to a fresh API server: CRDs, shipped manifests, this machine's addresses.

`python -m mesh.apply`. Idempotent: after a failure it can be run again.
"""

import base64
import sys
from collections.abc import Iterable

import yaml

from local.stack import Stack
from manifests.installation import installed
from manifests.paths import CRDS as OPERATORS
from mesh.certificates import gateway_certificate
from mesh.cluster import Cluster, KubectlFailed
from mesh.overlay import Manifest, adapted, additions
from mesh.paths import CRDS
from mesh.pods import GATEWAY, NAMESPACE
from mesh.shipped import shipped


def main() -> int:
    """Entry point; returns the exit code."""
    stack = Stack.from_environment()
    cluster = Cluster(stack)
    try:
        cluster.apply("-f", str(CRDS), "-f", str(OPERATORS))
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
        apply_all(cluster, [_namespace(name) for name in (NAMESPACE, GATEWAY.namespace)])
        apply_all(cluster, _of_istio(stack))
        apply_all(cluster, adapted(stack, shipped(cluster)))
        apply_all(cluster, additions(stack))
    except KubectlFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def apply_all(cluster: Cluster, manifests: Iterable[Manifest]) -> None:
    """Apply all manifests in one call. Raises KubectlFailed."""
    print(cluster.apply("-f", "-", given=yaml.dump_all(manifests, Dumper=yaml.CSafeDumper)), end="", flush=True)


def _of_istio(stack: Stack) -> Iterable[Manifest]:
    """Objects of an installed Istio (accounts, roles, Services), and the gateway's certificate."""
    certificate = gateway_certificate(stack.secrets)
    data = {"tls.crt": certificate.chain, "tls.key": certificate.key}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "api-tls-secret", "namespace": GATEWAY.namespace},
        "type": "kubernetes.io/tls",
        "data": {name: base64.b64encode(value.encode()).decode() for name, value in data.items()},
    }
    return [*installed().objects, secret]


def _namespace(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


if __name__ == "__main__":
    sys.exit(main())
