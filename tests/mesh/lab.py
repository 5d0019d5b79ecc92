"""More workloads for a running mesh, each with a ServiceAccount, a sidecar and a certificate, while a test runs."""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from local.health import answering_at
from local.mesh.apply import apply_all
from local.mesh.cluster import Cluster, KubectlFailed
from local.mesh.overlay import Manifest, of_pod
from local.mesh.pods import Pod
from local.mesh.sidecar import command, environment, hold_status_port, prepare
from local.ports import HOST
from local.stack import Stack

PATIENCE_SECONDS = 60
_PAUSE_SECONDS = 0.2


def until(look: Callable[[], bool], otherwise: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Look until it is so; fails with `otherwise` when that does not come."""
    give_up = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < give_up, otherwise
        time.sleep(_PAUSE_SECONDS)


class Lab:
    """Adds workloads and policies, and takes all of it away again."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._cluster = Cluster(stack)
        self._pods: dict[Pod, tuple[subprocess.Popen[bytes], list[Manifest]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pod in list(self._pods):
            self.remove(pod)

    def add(self, pod: Pod) -> Pod:
        """Make the workload's objects and start its sidecar; returns once it has its certificate."""
        account = {"name": pod.account, "namespace": pod.namespace}
        made: list[Manifest] = [*of_pod(self._stack, pod)]
        if not self._exists("serviceaccount", pod.account, pod.namespace):
            made.insert(0, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
        apply_all(self._cluster, made)
        directory = prepare(self._stack, pod)
        log_file = self._stack.logs / f"{pod.name}-sidecar.log"
        with log_file.open("wb") as log, hold_status_port(self._stack, pod) as held:
            agent = subprocess.Popen(
                command(pod),
                cwd=directory,
                env={**os.environ, **environment(self._stack, pod), "OUTPUT_CERTS": "certificates"},
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(held.fileno(),),
            )
        self._pods[pod] = agent, made
        until(lambda: answering_at(HOST, pod.admin_port(self._stack), "/ready"), f"{pod.name} does not come up")
        return pod

    def remove(self, pod: Pod) -> None:
        """Take a workload that was added away."""
        agent, manifests = self._pods.pop(pod)
        for manifest in reversed(manifests):
            self._delete(manifest)
        agent.terminate()
        agent.wait()

    def certificate(self, pod: Pod) -> tuple[str, str, str]:
        """Files: a workload's certificate chain, its key, and the mesh's root."""
        directory = self._stack.run / "sidecars" / pod.name / "certificates"
        chain, key, root = (str(directory / name) for name in ("cert-chain.pem", "key.pem", "root-cert.pem"))
        return chain, key, root

    @contextlib.contextmanager
    def changed(self, *manifests: Manifest, without: tuple[Manifest, ...] = ()):  # type: ignore[no-untyped-def]
        """The mesh with other manifests, for a while; what was there comes back."""
        touched = [*manifests, *without]
        before = [self._read(manifest) for manifest in touched]
        try:
            if manifests:
                apply_all(self._cluster, manifests)
            for manifest in without:
                self._delete(manifest)
            yield
        finally:
            for manifest, old in zip(touched, before, strict=True):
                if old is None:
                    self._delete(manifest)
            kept = [old for old in before if old is not None]
            if kept:
                apply_all(self._cluster, kept)

    def _read(self, manifest: Manifest) -> Manifest | None:
        """A manifest as it stands in the cluster, without what the server adds."""
        meta = manifest["metadata"]
        if not self._exists(manifest["kind"].lower(), meta["name"], meta["namespace"]):
            return None
        found = self._cluster.read(_kind(manifest), meta["name"], "-n", meta["namespace"])
        return {
            "apiVersion": found["apiVersion"],
            "kind": found["kind"],
            "metadata": {name: found["metadata"][name] for name in ("name", "namespace")},
            "spec": found.get("spec", {}),
        }

    def _exists(self, kind: str, name: str, namespace: str) -> bool:
        return bool(self._cluster.kubectl("get", kind, name, "-n", namespace, "--ignore-not-found").strip())

    def _delete(self, manifest: Manifest) -> None:
        meta = manifest["metadata"]
        with contextlib.suppress(KubectlFailed):
            self._cluster.kubectl(
                "delete", _kind(manifest), meta["name"], "-n", meta["namespace"], "--ignore-not-found"
            )


def _kind(manifest: Manifest) -> str:
    """A kind as kubectl takes it, with its group."""
    group = manifest["apiVersion"].rpartition("/")[0].split("/")[0]
    return f"{manifest['kind'].lower()}{'.' + group if group else ''}"
