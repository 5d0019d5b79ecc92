"""One sidecar, as istiod's own agent runs it: `python -m mesh.sidecar POD`.

It creates what the kubelet would mount (a token of the pod's ServiceAccount, the root certificate, the pod's labels),
then replaces this process by pilot-agent.
"""

import json
import os
import socket
import sys
import time
from pathlib import Path

import envoy
from local.files import make_private_directory, write_private
from local.ports import HOST
from local.stack import Stack
from manifests.installation import installed
from mesh.cluster import Cluster, KubectlFailed
from mesh.paths import BIN, BOOTSTRAP
from mesh.pods import GATEWAY, PODS, Pod

_PAUSE_SECONDS = 0.5
_SIGNED_IN_FOR = "168h"
"""Longer than a mesh runs on a laptop: nothing renews the token here, as a kubelet would."""


def main() -> None:
    """Entry point. Replaces this process by pilot-agent."""
    stack = Stack.from_environment()
    pod = {**PODS, GATEWAY.name: GATEWAY}[sys.argv[1]]
    os.chdir(prepare(stack, pod))
    os.set_inheritable(hold_status_port(stack, pod).detach(), True)
    arguments = command(pod)
    os.execve(arguments[0], arguments, {**os.environ, **environment(stack, pod)})


def prepare(stack: Stack, pod: Pod) -> Path:
    """Create the agent's working directory, with all that it needs to request a certificate from istiod."""
    directory = make_private_directory(stack.run / "sidecars" / pod.name)
    for part in ("var/run/secrets/tokens", "var/run/secrets/istio", "etc/istio/proxy", "etc/istio/pod", "certificates"):
        make_private_directory(directory / part)
    token, root = _mounted(Cluster(stack), pod)
    write_private(directory / "var/run/secrets/tokens/istio-token", token)
    write_private(directory / "var/run/secrets/istio/root-cert.pem", root)
    labels = "".join(f'{name}="{value}"\n' for name, value in pod.all_labels.items())
    write_private(directory / "etc/istio/pod/labels", labels)
    # Istio listens on all addresses of a pod; here on the pod's address only.
    bootstrap = BOOTSTRAP.read_text().replace("{{ .wildcard }}", pod.address(stack))
    write_private(directory / "envoy_bootstrap.json", bootstrap)
    return directory


def hold_status_port(stack: Stack, pod: Pod) -> socket.socket:
    """Bind the agent's status port for as long as it lives: the port is fixed, and it would listen on all networks.

    The agent runs without it; readiness is checked at Envoy instead.
    """
    taken = socket.socket()
    taken.bind((HOST, _status_port(stack, pod)))
    taken.listen()
    return taken


def command(pod: Pod) -> list[str]:
    """The command line of the agent, for its working directory."""
    return [
        str(BIN / "pilot-agent"),
        "proxy",
        "router" if pod is GATEWAY else "sidecar",
        f"--domain={pod.namespace}.svc.{installed().sidecars['clusterDomain']}",
        "--templateFile=envoy_bootstrap.json",
        "--log_output_level=default:warn",
    ]


def environment(stack: Stack, pod: Pod) -> dict[str, str]:
    """The environment variables that the injector would set."""
    proxy = {
        "binaryPath": envoy_path(),
        "configPath": "./etc/istio/proxy",
        "discoveryAddress": stack.address("istiod-tls"),
        "proxyAdminPort": pod.admin_port(stack),
        "statusPort": _status_port(stack, pod),
        "concurrency": 1,
        "terminationDrainDuration": "2s",
    }
    return {
        "PROXY_CONFIG": json.dumps(proxy),
        "INSTANCE_IP": pod.address(stack),
        "POD_NAME": pod.name,
        "POD_NAMESPACE": pod.namespace,
        "SERVICE_ACCOUNT": pod.account,
        "ISTIOD_SAN": installed().istiod,
        "ISTIO_META_CLUSTER_ID": installed().sidecars["clusterId"],
        "ISTIO_META_INTERCEPTION_MODE": "NONE",
    }


def envoy_path() -> str:
    """The binary itself: the program in `bin` is a script, which the agent could not signal."""
    return str(Path(envoy.__file__).parent / "_bin" / "envoy")


def _status_port(stack: Stack, pod: Pod) -> int:
    return stack.port("sidecar-status") + pod.index


def _mounted(cluster: Cluster, pod: Pod) -> tuple[str, str]:
    """Wait for the token and the root certificate; returns both."""
    where = ("-n", pod.namespace)
    while True:
        try:
            root = cluster.read("configmap", "istio-ca-root-cert", *where)["data"]["root-cert.pem"]
            audience = f"--audience={installed().sidecars['tokenAudience']}"
            token = cluster.kubectl("create", "token", pod.account, *where, audience, f"--duration={_SIGNED_IN_FOR}")
        except KubectlFailed as failure:
            print(f"not yet: {failure}", flush=True)
            time.sleep(_PAUSE_SECONDS)
        else:
            return token.strip(), root


if __name__ == "__main__":
    main()
