"""Every port of a stack, in one table; the services' ports come from their facts.

`ARGOSY_PORT_OFFSET` shifts all of them, so that several stacks can run at once.
"""

import os
import socket

from facts import service

HOST = "127.0.0.1"
_SERVICES = service.read()
SERVICES = tuple(one.name for one in _SERVICES)

BASE = {
    "edge": 8080,
    "edge-admin": 9901,
    "web": 8090,
    "web-admin": 9190,
    **{f"{one.name}-grpc": one.ports.grpc for one in _SERVICES},
    **{f"{one.name}-admin": one.ports.admin for one in _SERVICES},
    "postgres": 15432,
    "ferretdb": 17017,
    "kafka": 19092,
    "kafka-controller": 19093,
    "stripe": 12111,
    "mail-smtp": 11025,
    "mail-http": 11080,
    "playground": 11090,
    "traces": 14317,
    # The mesh's control plane (`make mesh`), and the first admin and status ports of its sidecars.
    "etcd": 12379,
    "etcd-peer": 12380,
    "kube-apiserver": 16443,
    "istiod-grpc": 15010,
    "istiod-tls": 15012,
    "istiod-metrics": 15014,
    "istiod-webhooks": 15017,
    "istiod-http": 15080,
    "istiod-introspection": 15876,
    "sidecar-admin": 15100,
    "sidecar-status": 15150,
}


def offset_from_environment() -> int:
    """The value of `ARGOSY_PORT_OFFSET`, 0 by default. Raises ValueError if it is no number or out of range."""
    text = os.environ.get("ARGOSY_PORT_OFFSET", "0")
    most = 65535 - max(BASE.values())
    if not text.isdecimal() or int(text) > most:
        raise ValueError(f"ARGOSY_PORT_OFFSET must be a whole number from 0 to {most}, not {text!r}")
    return int(text)


def free_port() -> int:
    """A port outside the table that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
