"""Entry point: `python -m mesh up|down|status|logs|reset|demo`.

ARGOSY_DATA and ARGOSY_PORT_OFFSET select the mesh; by default it can run at the same time as the stack of `make up`.
"""

import argparse
import os
import shutil
import sys
from dataclasses import replace

from local import data
from local.commands.demo import demo
from local.commands.down import down
from local.commands.logs import logs
from local.commands.reset import reset
from local.commands.status import status
from local.commands.up import up
from local.data import NotOurs
from local.layout import Layout
from local.paths import STACKS
from local.stack import Stack
from mesh import everything
from mesh.cluster import Cluster
from mesh.door import door
from mesh.pods import GATEWAY, GATEWAY_HOST, GATEWAY_HTTPS
from mesh.topology import parts

DEFAULT_OFFSET = 12_000


def main() -> int:
    """Run the command line; returns the exit code."""
    arguments = _parser().parse_args()
    try:
        stack = mesh_stack()
        match arguments.command:
            case "up":
                return up(stack, arguments.part, arguments.set, MESH)
            case "logs":
                return logs(stack, arguments.part)
            case "reset":
                return reset(data.as_started(stack), MESH, yes=arguments.yes)
            case "demo":
                return demo(stack, door(data.as_started(stack)))
            case _:
                commands = {"down": down, "status": status}
                return commands[arguments.command](data.as_started(stack), MESH)
    except (ValueError, NotOurs) as mistake:
        print(mistake, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted. Started parts keep running: `make mesh-down` stops them.", file=sys.stderr)
        return 130


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mesh", description="The mesh on one machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    up_parser = commands.add_parser("up", help="start everything, or the named parts with what they need")
    up_parser.add_argument("part", nargs="*")
    up_parser.add_argument("--set", action="append", default=[], metavar="PART.NAME=VALUE", help="change a setting")
    commands.add_parser("down", help="stop everything; the data stays")
    commands.add_parser("status", help="show state, ports and memory of each part")
    logs_parser = commands.add_parser("logs", help="follow the logs of all parts, or of the named ones")
    logs_parser.add_argument("part", nargs="*")
    reset_parser = commands.add_parser("reset", help="stop everything and delete its data")
    reset_parser.add_argument("--yes", action="store_true", help="do not ask")
    commands.add_parser("demo", help="make purchases through the gateway, step by step")
    return parser


if __name__ == "__main__":
    sys.exit(main())
