"""The Kubernetes API of a mesh: its keys, its kubeconfig, and kubectl."""

import json
import secrets
import subprocess
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from local.files import make_private_directory, write_private
from local.stack import Stack
from mesh.paths import KUBECTL

_CALL_SECONDS = 120


class KubectlFailed(Exception):
    """kubectl rejected the input or failed; the text is its output."""


class Cluster:
    """A kube-apiserver and its administrator's credentials."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.directory = stack.secrets / "cluster"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.directory / "kubeconfig"

    @property
    def account_key(self) -> Path:
        """The private key that signs ServiceAccount tokens."""
        return self.directory / "service-accounts.pem"

    @property
    def account_public_key(self) -> Path:
        """The public key that verifies ServiceAccount tokens."""
        return self.directory / "service-accounts.pub"

    @property
    def tokens(self) -> Path:
        """The token file of the API server; its only user is the administrator."""
        return self.directory / "tokens.csv"

    def ensure_credentials(self) -> None:
        """Create missing credentials, and write the current address of the API to the kubeconfig."""
        make_private_directory(self.directory)
        # The tokens are written last: they mark the files as complete.
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
        """Run kubectl and return its output. Raises KubectlFailed."""
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
        """Server-side apply. An unknown field is an error. Raises KubectlFailed."""
        options = ("--server-side", "--force-conflicts", "--validate=strict", "--field-manager=argosy")
        return self.kubectl("apply", *options, *arguments, given=given)

    def read(self, *arguments: str) -> Any:
        """`kubectl get … -o json`, parsed."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def _kubeconfig(self, token: str) -> dict[str, Any]:
        # At its first start the API server writes a self-signed certificate to this directory.
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
