"""Addresses and TLS credentials of Kafka's brokers."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLUSTER_CA = "cluster-ca.crt"
CERTIFICATE = "user.crt"
KEY = "user.key"


@dataclass(frozen=True)
class Brokers:
    """The brokers of one Kafka cluster."""

    addresses: str
    """`host:port`; several are separated by commas."""
    tls_directory: Path | None = None
    """The directory of cluster-ca.crt, user.crt and user.key. None: connections are not encrypted."""

    def options(self) -> dict[str, Any]:
        """The connection options of aiokafka's clients. Reads the files at each call, because they are renewed.

        Raises OSError (ssl.SSLError is one) if they cannot be read or are invalid.
        """
        options: dict[str, Any] = {"bootstrap_servers": self.addresses.split(",")}
        if self.tls_directory is not None:
            context = ssl.create_default_context(cafile=str(self.tls_directory / CLUSTER_CA))
            context.load_cert_chain(self.tls_directory / CERTIFICATE, self.tls_directory / KEY)
            options |= {"security_protocol": "SSL", "ssl_context": context}
        return options


def brokers(given: Brokers | str) -> Brokers:
    """Converts addresses to brokers without encryption; returns Brokers unchanged."""
    return Brokers(given) if isinstance(given, str) else given
