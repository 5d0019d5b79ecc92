"""Readiness checks of parts. Each sends one short request and returns True or False."""

import http.client
import socket
import subprocess
from collections.abc import Callable
from functools import partial
from http import HTTPStatus

from edge.admin import Admin
from edge.render import upstream_names
from local.ports import HOST
from local.postgres import BINARIES
from local.stack import Stack

Check = Callable[[Stack], bool]

_TIMEOUT_SECONDS = 2.0


def listening(port: str) -> Check:
    """Whether the port accepts connections."""
    return partial(_listening, port)


def answering(port: str, path: str) -> Check:
    """Whether a GET of the path answers 200."""
    return partial(_answering, port, path)


def accepting_queries(stack: Stack) -> bool:
    """Whether PostgreSQL has recovered and accepts queries (it listens well before that)."""
    command = [str(BINARIES / "pg_isready"), "-q", "-h", HOST, "-p", str(stack.port("postgres")), "-t", "2"]
    return subprocess.run(command, check=False).returncode == 0


def routing(stack: Stack) -> bool:
    """Whether the edge serves, has the keys, and considers every upstream healthy."""
    return not Admin(stack.port("edge-admin")).missing(upstream_names())


def _listening(port: str, stack: Stack) -> bool:
    try:
        with socket.create_connection((HOST, stack.port(port)), timeout=_TIMEOUT_SECONDS):
            return True
    except OSError:
        return False


def _answering(port: str, path: str, stack: Stack) -> bool:
    return answering_at(HOST, stack.port(port), path)


def answering_at(host: str, port: int, path: str) -> bool:
    """Whether a GET of the path answers 200."""
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
