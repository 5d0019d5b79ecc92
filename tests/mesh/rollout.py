"""A rolling restart, as a Deployment's: the new pod first, and calls for it once it is ready; then the old one goes."""

import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product

from edge.admin import Admin
from edge.render import upstream_names
from local import credentials, topology
from local.health import answering_at
from local.part import Part
from local.paths import ROOT
from local.ports import BASE, HOST, free_port
from local.stack import Stack
from local.supervision import Supervisor
from local.waiting import is_ready
from mesh.overlay import called
from mesh.pods import GATEWAY, PODS, Pod
from mesh.topology import in_the_mesh, sidecar
from tests.mesh.envoys import hosts
from tests.mesh.lab import Lab, marked, until

WORKLOADS = tuple(PODS)
_FIRST_INDEX = 60
_BOOT_SECONDS = 120
_STOP_SECONDS = 60


class Replica:
    """One more pod of a workload, with a process and a sidecar of its own."""

    def __init__(self, stack: Stack, lab: Lab, name: str) -> None:
        original = PODS[name]
        ports = {port: free_port() for port in original.serves}
        serves = {port: (number, ports[port]) for port, (number, _) in original.serves.items()}
        self.pod = replace(original, name=f"{name}-second", index=_FIRST_INDEX + original.index, serves=serves)
        self._admin_port = ports.get("http-admin") or free_port()
        own = (
            {"EDGE_PORT": str(ports["http"]), "EDGE_ADMIN_PORT": str(self._admin_port)}
            if name == "edge"
            else {"GRPC_PORT": str(ports["grpc"]), "ADMIN_PORT": str(self._admin_port)}
        )
        part = in_the_mesh(stack, _parts(stack)[name], self.pod)
        self._environment = {**marked(stack), **part.environment, **own}
        self._command = part.command
        self._log = stack.logs / f"{self.pod.name}.log"
        self._lab = lab
        self._process: subprocess.Popen[bytes] | None = None
        self._started = False

    def start(self) -> None:
        """Start both; returns when the process is ready."""
        self._started = True
        self._lab.add(self.pod, called=False)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )
        until(self._ready, f"{self.pod.name} does not come up, see {self._log}", seconds=_BOOT_SECONDS)

    def stop(self) -> None:
        """SIGTERM, and wait until it has drained; the sidecar ends after it. Nothing when it does not run."""
        started, self._started = self._started, False
        if started and self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_STOP_SECONDS)
            finally:
                self._process.kill()
                self._process.wait()
        if started:
            self._lab.remove(self.pod)

    def _ready(self) -> bool:
        if self.pod.account == "edge":
            return not Admin(self._admin_port).missing(upstream_names())
        return answering_at(HOST, self._admin_port, "/health")


class Originals:
    """The pods of `make mesh`, which its supervisor runs."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._supervisor = Supervisor(stack)

    def stop(self, name: str) -> None:
        """SIGTERM, and wait until it has drained; the sidecar ends after it."""
        for part in (_parts(self._stack)[name], sidecar(self._stack, PODS[name])):
            if not self._supervisor.states()[part.name].idle:
                self._supervisor.stop(part)

    def start(self, name: str) -> None:
        """Start both; returns when they are ready."""
        for part in (sidecar(self._stack, PODS[name]), _parts(self._stack)[name]):
            if self._supervisor.states()[part.name].idle:
                self._supervisor.start(part)
            until(lambda part=part: self._up(part), f"{part.name} does not come back", seconds=_BOOT_SECONDS)  # type: ignore[misc]

    def _up(self, part: Part) -> bool:
        return is_ready(self._stack, part, self._supervisor.states()[part.name])


def take_calls(stack: Stack, lab: Lab, pods: Iterable[Pod]) -> None:
    """Calls are sent to the pods from now on; returns when every sidecar knows."""
    for pod in (chosen := list(pods)):
        lab.send_calls_to(pod)
    for pod in chosen:
        until(lambda pod=pod: _known(stack, pod) == {True}, f"{pod.name} is not called")  # type: ignore[misc]


def take_no_calls(stack: Stack, lab: Lab, pods: Iterable[Pod]) -> None:
    """As the endpoints' controller when a pod is stopped: no new calls. Returns when every sidecar knows.

    A cluster gives that the 5 s of preStop; here the machine may be slower.
    """
    for pod in (chosen := list(pods)):
        lab.send_no_calls_to(pod)
    for pod in chosen:
        until(lambda pod=pod: _known(stack, pod) == {False}, f"{pod.name} is called for ever")  # type: ignore[misc]


def together(work: Iterable[Callable[[], object]]) -> None:
    """Do all of it at once; raises what any raises."""
    jobs = list(work)
    with ThreadPoolExecutor(len(jobs)) as workers:
        for done in [workers.submit(job) for job in jobs]:
            done.result()


def _known(stack: Stack, pod: Pod) -> set[bool]:
    """Whether the sidecars of all who may call it have it among its workload's instances."""
    numbers = {number for service, _, number in called() if service == pod.account}
    pairs = product(PODS.values(), numbers) if numbers else [(GATEWAY, BASE["edge"])]
    return {pod.address(stack) in hosts(stack, caller, pod.account, number) for caller, number in pairs}


def _parts(stack: Stack) -> Mapping[str, Part]:
    secrets = credentials.read(stack.secrets)
    return {part.name: part for part in topology.parts(stack, secrets)}
