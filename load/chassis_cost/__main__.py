"""Prints CPU per call of both servers, and their ratio: `python -m load.chassis_cost`. Needs a running stack."""

import argparse
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
from rich.table import Table

from load.report import show
from load.session import Account, register
from local import credentials
from local.paths import BIN, PYTHON, ROOT
from local.ports import free_port
from local.stack import Stack
from local.topology import parts

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
    stack, options = Stack.from_environment(), _options()
    try:
        account = register(stack)
    except httpx.HTTPError as error:
        print(f"the stack does not answer ({error}): `make up` first, see load/README.md", file=sys.stderr)
        return 1
    contestants = [_chassis(stack), _bare(stack)]
    try:
        costs = _measure(contestants, account, options)
    finally:
        for contestant in contestants:
            contestant.process.terminate()
            contestant.process.wait()
    _show(costs, options)
    return 0


def _measure(
    contestants: Sequence[Contestant], account: Account, options: argparse.Namespace
) -> dict[str, list[float]]:
    """Milliseconds of CPU per call, by contestant and round; they alternate, so that drift affects both."""
    for contestant in contestants:
        _wait_until_up(contestant)
        _burst(contestant, options.warm_up, account)
    costs: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    for _ in range(options.rounds):
        for contestant in contestants:
            before = contestant.cpu_seconds()
            _burst(contestant, options.calls, account)
            costs[contestant.name].append((contestant.cpu_seconds() - before) / options.calls * 1000)
    return costs


def _burst(contestant: Contestant, calls: int, account: Account) -> None:
    done = subprocess.run(
        [
            BIN / "ghz", "--insecure", "--protoset", ROOT / "generated" / "descriptors.binpb",
            "--call", "argosy.user.v1.UserService.GetUser", "--total", str(calls), "--concurrency", str(AT_ONCE),
            "--metadata", json.dumps({"authorization": f"Bearer {account.token}"}),
            "--data", json.dumps({"id": account.user_id}),
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
    port, admin_port = free_port(), free_port()
    traces = {name: value for name, value in os.environ.items() if name.startswith("OTEL_")}
    others = {name: value for name, value in part.environment.items() if not name.startswith("OTEL_")}
    environment = {**others, **traces, "GRPC_PORT": str(port), "ADMIN_PORT": str(admin_port)}
    return Contestant("user service", port, _start(part.command, environment))


def _bare(stack: Stack) -> Contestant:
    port = free_port()
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


def _show(costs: dict[str, list[float]], options: argparse.Namespace) -> None:
    rounds = f"{options.rounds} rounds of {options.calls} calls, {AT_ONCE} concurrent"
    table = Table(title=f"GetUser, CPU per call in ms: {rounds}")
    for column in ("", "least", "median", "most"):
        table.add_column(column, justify="right" if column else "left")
    for name, values in costs.items():
        table.add_row(name, *(f"{value:.3f}" for value in (min(values), statistics.median(values), max(values))))
    ratios = [chassis / bare for chassis, bare in zip(*costs.values(), strict=True)]
    table.add_row("ratio", *(f"{value:.2f}" for value in (min(ratios), statistics.median(ratios), max(ratios))))
    show(table)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m load.chassis_cost", description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=5000, help="of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warm-up", type=int, default=2000, help="calls before the first round")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
