"""The Kubernetes API of a mesh: its keys, its kubeconfig, and kubectl."""

import json
import secrets
import subprocess
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from local.files import make_private_directory, write_private
from local.mesh.paths import KUBECTL
from local.stack import Stack

_CALL_SECONDS = 120


class KubectlFailed(Exception):
    """kubectl refused or failed; the text is what it said."""


class Cluster:
    """One kube-apiserver, as its administrator sees it."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.directory = stack.secrets / "cluster"

    @property
    def kubeconfig(self) -> Path:
        """Signs in as the administrator."""
        return self.directory / "kubeconfig"

    @property
    def account_key(self) -> Path:
        """The private key that signs ServiceAccounts' tokens."""
        return self.directory / "service-accounts.pem"

    @property
    def account_public_key(self) -> Path:
        """What their tokens are verified with."""
        return self.directory / "service-accounts.pub"

    @property
    def tokens(self) -> Path:
        """The one person that the API knows: its administrator."""
        return self.directory / "tokens.csv"

    def ensure_credentials(self) -> None:
        """Make what is missing; the kubeconfig says where the API is now, whatever the ports were before."""
        make_private_directory(self.directory)
        # The tokens are written last: when they are there, all is.
        if not self.tokens.exists():
            self._make_keys()
        token = self.tokens.read_text().partition(",")[0]
        write_private(self.kubeconfig, json.dumps(self._kubeconfig(token), indent=2) + "\n")

    def _make_keys(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(self.account_key, pem.decode())
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        write_private(self.account_public_key, public.decode())
        write_private(self.tokens, f'{secrets.token_hex(24)},admin,admin,"system:masters"\n')

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """Run kubectl; what it printed. Raises KubectlFailed."""
        done = subprocess.run(
            [str(KUBECTL), f"--kubeconfig={self.kubeconfig}", *arguments],
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=_CALL_SECONDS,
        )
        if done.returncode:
            raise KubectlFailed(f"kubectl {' '.join(arguments)}\n{done.stdout}{done.stderr}".strip())
        return done.stdout

    def apply(self, *arguments: str, given: str | None = None) -> str:
        """Server-side apply; a field that the API does not know is an error."""
        options = ("--server-side", "--force-conflicts", "--validate=strict", "--field-manager=argosy")
        return self.kubectl("apply", *options, *arguments, given=given)

    def read(self, *arguments: str) -> Any:
        """`kubectl get … -o json`, parsed."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def _kubeconfig(self, token: str) -> dict[str, Any]:
        # The API server signs its own certificate in this directory at its first start.
        server = {
            "server": f"https://{self._stack.address('kube-apiserver')}",
            "certificate-authority": str(self.directory / "apiserver.crt"),
        }
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "mesh", "cluster": server}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": "mesh", "context": {"cluster": "mesh", "user": "admin"}}],
            "current-context": "mesh",
        }
