"""Where Kafka is, and how one proves there who one is."""

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
    """`host:port`, several with commas."""
    tls_directory: Path | None = None
    """Where cluster-ca.crt, user.crt and user.key are; None where Kafka is spoken to in plain text."""

    def options(self) -> dict[str, Any]:
        """What aiokafka's clients are made with. The files are read at each call: they are renewed now and then.

        Raises OSError (ssl.SSLError is one) when they cannot be used.
        """
        options: dict[str, Any] = {"bootstrap_servers": self.addresses.split(",")}
        if self.tls_directory is not None:
            context = ssl.create_default_context(cafile=str(self.tls_directory / CLUSTER_CA))
            context.load_cert_chain(self.tls_directory / CERTIFICATE, self.tls_directory / KEY)
            options |= {"security_protocol": "SSL", "ssl_context": context}
        return options


def brokers(given: Brokers | str) -> Brokers:
    """Addresses alone are brokers in plain text."""
    return Brokers(given) if isinstance(given, str) else given
