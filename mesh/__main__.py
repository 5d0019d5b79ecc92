"""Entry point: `python -m mesh up|down|status|logs|reset|demo`.

ARGOSY_DATA and ARGOSY_PORT_OFFSET select the mesh; by default it can run at the same time as the stack of `make up`.
"""

import os
import shutil
import sys
from dataclasses import replace

from local.command_line import run
from local.layout import Layout
from local.paths import STACKS
from local.stack import Stack
from mesh import everything
from mesh.cluster import Cluster
from mesh.door import door
from mesh.pods import GATEWAY, GATEWAY_HOST, GATEWAY_HTTPS
from mesh.topology import parts

DEFAULT_OFFSET = 12_000


def mesh_stack() -> Stack:
    """The mesh that the environment selects. Raises ValueError on a bad offset."""
    named = Stack.from_environment()
    data_directory = named.data if os.environ.get("ARGOSY_DATA") else (STACKS / "mesh").resolve()
    offset = named.offset if os.environ.get("ARGOSY_PORT_OFFSET") else DEFAULT_OFFSET
    return replace(named, data=data_directory, offset=offset)


def _prepare(stack: Stack) -> None:
    """Delete the cluster's data and keys, so that it holds the current manifests only."""
    shutil.rmtree(stack.data / "etcd", ignore_errors=True)
    shutil.rmtree(stack.run / "sidecars", ignore_errors=True)
    everything.forget(stack)
    Cluster(stack).ensure_credentials()


def _where(stack: Stack) -> str:
    address = f"{GATEWAY.address(stack)}:{GATEWAY_HTTPS}"
    certificate = stack.secrets / "gateway" / "ca.crt"
    return (
        f"\nThe mesh is up: https://{GATEWAY_HOST} at {address}\n"
        f"  try it                   curl --cacert {certificate} --connect-to {GATEWAY_HOST}:443:{address} "
        f"https://{GATEWAY_HOST}/api/v1/products\n"
        f"  make a purchase          make mesh-demo\n"
        f"  query the cluster        .venv/share/mesh/bin/kubectl --kubeconfig {Cluster(stack).kubeconfig} get all -A\n"
        f"  stop                     make mesh-down\n"
        f"{everything.summary(stack)}"
    )


MESH = Layout(parts, _where, _prepare)


if __name__ == "__main__":
    sys.exit(run("mesh", mesh_stack, MESH, door, "make mesh-down"))
