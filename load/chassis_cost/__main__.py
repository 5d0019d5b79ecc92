"""Prints CPU per call of both servers, and their ratio: `python -m load.chassis_cost`. Needs a running stack."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from local import credentials
from local.paths import BIN, PYTHON, ROOT
from local.stack import Stack
from local.topology import parts

ROUNDS = 5
WARM_UP_CALLS = 2000
CALLS = 5000
AT_ONCE = 16
_UP_SECONDS = 30


@dataclass(frozen=True)
class Contestant:
    """A server process that answers GetUser."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    def cpu_seconds(self) -> float:
        """User and system time that the process has used so far, seconds."""
        used = psutil.Process(self.process.pid).cpu_times()
        return float(used.user + used.system)


def main() -> int:
    """Measure both in turn, print, and stop the started processes."""
    stack = Stack.from_environment()
    try:
        user_id, token = _register(stack)
    except httpx.HTTPError as error:
        print(f"the stack does not answer ({error}): `make up` first", file=sys.stderr)
        return 1
    contestants = [_chassis(stack), _bare(stack)]
    try:
        costs = _measure(contestants, user_id, token)
    finally:
        for contestant in contestants:
            contestant.process.terminate()
            contestant.process.wait()
    _tell(costs)
    return 0


def _measure(contestants: Sequence[Contestant], user_id: str, token: str) -> dict[str, list[float]]:
    """Milliseconds of CPU per call, by contestant and round; they alternate, so that drift affects both."""
    for contestant in contestants:
        _wait_until_up(contestant)
        _burst(contestant, WARM_UP_CALLS, user_id, token)
    costs: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    for _ in range(ROUNDS):
        for contestant in contestants:
            before = contestant.cpu_seconds()
            _burst(contestant, CALLS, user_id, token)
            costs[contestant.name].append((contestant.cpu_seconds() - before) / CALLS * 1000)
    return costs


def _burst(contestant: Contestant, calls: int, user_id: str, token: str) -> None:
    done = subprocess.run(
        [
            BIN / "ghz", "--insecure", "--protoset", ROOT / "generated" / "descriptors.binpb",
            "--call", "argosy.user.v1.UserService.GetUser", "--total", str(calls), "--concurrency", str(AT_ONCE),
            "--metadata", json.dumps({"authorization": f"Bearer {token}"}), "--data", json.dumps({"id": user_id}),
            "--format", "json", f"127.0.0.1:{contestant.port}",
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    answered = json.loads(done.stdout)["statusCodeDistribution"]
    if answered != {"OK": calls}:
        raise SystemExit(f"{contestant.name} answered {answered} to {calls} calls")


def _chassis(stack: Stack) -> Contestant:
    """The real user service with the stack's settings, but with its own ports, no log, and its own trace settings.

    Traces follow this process's OTEL_ variables: none, unless they name a collector.
    """
    (part,) = (p for p in parts(stack, credentials.read(stack.secrets)) if p.name == "user")
    port, admin_port = stack.port("user-grpc") + 1000, stack.port("user-admin") + 1000
    traces = {name: value for name, value in os.environ.items() if name.startswith("OTEL_")}
    others = {name: value for name, value in part.environment.items() if not name.startswith("OTEL_")}
    environment = {**others, **traces, "GRPC_PORT": str(port), "ADMIN_PORT": str(admin_port)}
    return Contestant("user service", port, _start(part.command, environment))


def _bare(stack: Stack) -> Contestant:
    port = stack.port("user-grpc") + 1001
    dsn = f"postgresql://user:{credentials.read(stack.secrets).postgres_password('user')}@{stack.address('postgres')}/user"
    return Contestant("bare handler", port, _start([str(PYTHON), "-m", "load.chassis_cost.bare", str(port), dsn], {}))


def _start(command: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, cwd=ROOT, env={"PATH": os.environ["PATH"], **environment}, stdout=subprocess.DEVNULL
    )


def _wait_until_up(contestant: Contestant) -> None:
    give_up = time.monotonic() + _UP_SECONDS
    call: list[str | Path] = [
        BIN / "grpcurl", "-plaintext", "-protoset", ROOT / "generated" / "descriptors.binpb",
        f"127.0.0.1:{contestant.port}", "argosy.user.v1.UserService/GetUser",
    ]  # fmt: skip
    while b"Unavailable" in (done := subprocess.run(call, check=False, capture_output=True).stderr) or b"dial" in done:
        if time.monotonic() > give_up or contestant.process.poll() is not None:
            raise SystemExit(f"{contestant.name} does not start: {done.decode()}")
        time.sleep(0.2)


def _register(stack: Stack) -> tuple[str, str]:
    done = subprocess.run(
        [PYTHON, "-m", "load.session"], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise httpx.HTTPError(done.stderr.strip().splitlines()[-1])
    user_id, token = done.stdout.split()
    return user_id, token


def _tell(costs: dict[str, list[float]]) -> None:
    table = Table(title=f"GetUser, CPU per call in ms: {ROUNDS} rounds of {CALLS} calls, {AT_ONCE} concurrent")
    for column in ("", "least", "median", "most"):
        table.add_column(column, justify="right" if column else "left")
    for name, values in costs.items():
        table.add_row(name, *(f"{value:.3f}" for value in (min(values), statistics.median(values), max(values))))
    ratios = [chassis / bare for chassis, bare in zip(*costs.values(), strict=True)]
    table.add_row("ratio", *(f"{value:.2f}" for value in (min(ratios), statistics.median(ratios), max(ratios))))
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
