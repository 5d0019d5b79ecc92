"""More workloads for a running mesh, each with a ServiceAccount, a sidecar and a certificate, while a test runs."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self

import yaml

from local.health import answering_at
from local.ports import HOST
from local.stack import Stack
from local.supervisor_config import MARK
from mesh.apply import apply_all
from mesh.cluster import Cluster
from mesh.overlay import Manifest, of_pod, of_sidecar, workload_entry
from mesh.pods import PODS, Pod
from mesh.sidecar import command, environment, hold_status_port, prepare

Key = tuple[str, str, str]
PATIENCE_SECONDS = 60
HOLDERS = 40
"""The indexes of pods that only hold a certificate begin here."""
_PAUSE_SECONDS = 0.2


def until(look: Callable[[], bool], otherwise: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Look until it is so; fails with `otherwise` when that does not come."""
    give_up = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < give_up, otherwise
        time.sleep(_PAUSE_SECONDS)


def marked(stack: Stack) -> dict[str, str]:
    """An environment by which `make mesh-down` knows what a run of tests that was killed left behind."""
    return {**os.environ, MARK: str(stack.data)}


class Lab:
    """Adds workloads and policies, and takes all of it away again."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._cluster = Cluster(stack)
        self._pods: dict[Pod, tuple[subprocess.Popen[bytes], list[Manifest]]] = {}
        self._holders: dict[str, Pod] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pod in list(self._pods):
            self.remove(pod)

    def add(self, pod: Pod, *, called: bool = True) -> Pod:
        """Make the workload's objects and start its sidecar; returns once it has its certificate.

        called: whether calls of its service may be sent to it from the beginning (later: `send_calls_to`).
        """
        account = {"name": pod.account, "namespace": pod.namespace}
        made: list[Manifest] = [*(of_pod if called else of_sidecar)(self._stack, pod)]
        if not self._exists("serviceaccount", pod.account, pod.namespace):
            made.insert(0, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
        apply_all(self._cluster, made)
        directory = prepare(self._stack, pod)
        log_file = self._stack.logs / f"{pod.name}-sidecar.log"
        with log_file.open("wb") as log, hold_status_port(self._stack, pod) as held:
            agent = subprocess.Popen(
                command(pod),
                cwd=directory,
                env={**marked(self._stack), **environment(self._stack, pod), "OUTPUT_CERTS": "certificates"},
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(held.fileno(),),
            )
        self._pods[pod] = agent, made
        until(lambda: answering_at(HOST, pod.admin_port(self._stack), "/ready"), f"{pod.name} does not come up")
        return pod

    def everybody(self) -> list[Pod]:
        """Every workload that may call services: the mesh's own, and those that were added."""
        return [*PODS.values(), *self._pods]

    def send_calls_to(self, pod: Pod) -> None:
        """Mark a workload as ready in the mesh."""
        apply_all(self._cluster, [workload_entry(pod, pod.address(self._stack))])

    def send_no_calls_to(self, pod: Pod) -> None:
        """Mark a workload as not ready in the mesh, as when its pod is stopped."""
        self.delete([workload_entry(pod, pod.address(self._stack))])

    def remove(self, pod: Pod) -> None:
        """Take a workload away; nothing when it was not added."""
        if pod not in self._pods:
            return
        agent, manifests = self._pods.pop(pod)
        self.delete(manifests)
        agent.terminate()
        agent.wait()

    def certificate_of(self, service: str) -> tuple[str, str, str]:
        """A certificate of a service's own account, as any pod of it would be given one."""
        if service not in self._holders:
            number = HOLDERS + len(self._holders)
            self._holders[service] = self.add(Pod(f"as-{service}", service, number, {"app": f"as-{service}"}))
        return self.certificate(self._holders[service])

    def certificate(self, pod: Pod) -> tuple[str, str, str]:
        """Files: a workload's certificate chain, its key, and the mesh's root."""
        directory = self._stack.run / "sidecars" / pod.name / "certificates"
        chain, key, root = (str(directory / name) for name in ("cert-chain.pem", "key.pem", "root-cert.pem"))
        return chain, key, root

    @contextlib.contextmanager
    def changed(self, *manifests: Manifest, without: tuple[Manifest, ...] = ()) -> Iterator[None]:
        """The mesh with other manifests, for a while; what was there comes back."""
        touched = [*manifests, *without]
        before = self._standing(touched)
        try:
            if manifests:
                apply_all(self._cluster, manifests)
            self.delete(without)
            yield
        finally:
            self.delete([manifest for manifest in touched if _key(manifest) not in before])
            if before:
                apply_all(self._cluster, before.values())

    def delete(self, manifests: Iterable[Manifest]) -> None:
        """Take manifests out of the cluster, the last first; what is not there is no matter."""
        if documents := list(manifests)[::-1]:
            self._cluster.kubectl("delete", "-f", "-", "--ignore-not-found", given=yaml.safe_dump_all(documents))

    def _standing(self, manifests: Iterable[Manifest]) -> dict[Key, Manifest]:
        """Those that are in the cluster, as they stand there, without what the server adds."""
        asked = yaml.safe_dump_all(manifests)
        answer = self._cluster.kubectl("get", "-f", "-", "--ignore-not-found", "-o", "json", given=asked)
        if not answer.strip():
            return {}
        found = json.loads(answer)
        objects = found["items"] if found["kind"] == "List" else [found]
        return {_key(one): _as_shipped(one) for one in objects}

    def _exists(self, kind: str, name: str, namespace: str) -> bool:
        return bool(self._cluster.kubectl("get", kind, name, "-n", namespace, "--ignore-not-found").strip())


def _key(manifest: Manifest) -> Key:
    return manifest["kind"], manifest["metadata"]["namespace"], manifest["metadata"]["name"]


def _as_shipped(found: Manifest) -> Manifest:
    return {
        "apiVersion": found["apiVersion"],
        "kind": found["kind"],
        "metadata": {name: found["metadata"][name] for name in ("name", "namespace")},
        "spec": found.get("spec", {}),
    }
