"""How one sees that a part is ready. Each check asks the part itself, briefly, and answers yes or no."""

import http.client
import json
import socket
import subprocess
from collections.abc import Callable
from functools import partial
from typing import Any

from local.ports import HOST
from local.postgres import BINARIES
from local.stack import Stack

Check = Callable[[Stack], bool]

_TIMEOUT_SECONDS = 2.0


def listening(port: str) -> Check:
    """Something takes connections on the port."""
    return partial(_listening, port)


def answering(port: str, path: str) -> Check:
    """A GET of the path answers 200."""
    return partial(_answering, port, path)


def accepting_queries(stack: Stack) -> bool:
    """PostgreSQL has recovered and takes connections (it listens well before that)."""
    command = [str(BINARIES / "pg_isready"), "-q", "-h", HOST, "-p", str(stack.port("postgres")), "-t", "2"]
    return subprocess.run(command, check=False).returncode == 0


def routing(stack: Stack) -> bool:
    """Envoy serves, and holds every upstream to be healthy."""
    if not _answering("edge-admin", "/ready", stack):
        return False
    clusters = json.loads(_get(stack, "edge-admin", "/clusters?format=json")[1])
    hosts = [host for cluster in clusters["cluster_statuses"] for host in cluster.get("host_statuses", [])]
    return bool(hosts) and all(_healthy(host) for host in hosts)


def _healthy(host: dict[str, Any]) -> bool:
    status = host.get("health_status", {})
    return not any(status.get(flag) for flag in ("failed_active_health_check", "pending_active_hc"))


def _listening(port: str, stack: Stack) -> bool:
    try:
        with socket.create_connection((HOST, stack.port(port)), timeout=_TIMEOUT_SECONDS):
            return True
    except OSError:
        return False


def _answering(port: str, path: str, stack: Stack) -> bool:
    return _get(stack, port, path)[0] == 200


def _get(stack: Stack, port: str, path: str) -> tuple[int, bytes]:
    """Status and body; status 0 when there is no answer."""
    connection = http.client.HTTPConnection(HOST, stack.port(port), timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
