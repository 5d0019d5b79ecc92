"""The counter that all edges share: envoyproxy/ratelimit on Redis, with the configuration of production."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from local.ports import free_port
from mesh.paths import RATELIMIT, REDIS_SERVER
from tests.integration.edge.harness import ROOT, until

_COMPONENT = ROOT / "k8s" / "components" / "shared-limits"


@dataclass
class Counting:
    """A running counter."""

    address: str
    http_port: int
    redis_port: int
    process: asyncio.subprocess.Process

    async def counted(self, window: str, caller: str) -> list[int]:
        """What it holds of a caller in a window, group by group."""
        keys = (await self._redis("KEYS", f"*window_{window}*{caller}*")).split()
        return [int(await self._redis("GET", key)) for key in keys]

    async def kill(self) -> None:
        """It is away from now on."""
        self.process.kill()
        await self.process.wait()

    async def _redis(self, *command: str) -> str:
        client = await asyncio.create_subprocess_exec(
            REDIS_SERVER.with_name("redis-cli"), "-p", str(self.redis_port), *command, stdout=asyncio.subprocess.PIPE
        )
        return (await client.communicate())[0].decode()


@asynccontextmanager
async def counting(folder: Path) -> AsyncIterator[Counting]:
    """A counter with nothing counted yet."""
    redis_port, grpc_port, http_port = free_port(), free_port(), free_port()
    configuration = folder / "ratelimit" / "config"
    configuration.mkdir(parents=True)
    shutil.copy(ROOT / "generated" / "ratelimit" / "config.yaml", configuration)
    here = {
        "HOST": "127.0.0.1",
        "PORT": str(http_port),
        "GRPC_HOST": "127.0.0.1",
        "GRPC_PORT": str(grpc_port),
        "DEBUG_PORT": str(free_port()),
        "REDIS_URL": f"127.0.0.1:{redis_port}",
        "RUNTIME_ROOT": str(folder),
        "REDIS_TIMEOUT": "10s",  # however slow the machine
    }
    redis = await _start(folder, [*_arguments("redis"), "--bind", "127.0.0.1", "--port", str(redis_port)], {})
    try:
        await until(lambda: _listens(redis_port), "Redis listens")
        process = await _start(folder, [str(RATELIMIT)], environment_of("ratelimit") | here)
        running = Counting(f"127.0.0.1:{grpc_port}", http_port, redis_port, process)
        try:
            await until(lambda: _is_healthy(running), f"the counter is up; see {folder}")
            yield running
        finally:
            await _end(process)
    finally:
        await _end(redis)


def environment_of(name: str) -> dict[str, str]:
    """The environment that production's Deployment has."""
    return {entry["name"]: entry["value"] for entry in _container(name).get("env", ())}


def _arguments(name: str) -> list[str]:
    return [str(REDIS_SERVER), *_container(name)["args"]]


def _container(name: str) -> Any:
    documents = yaml.safe_load_all((_COMPONENT / f"{name}.yaml").read_text())
    (deployment,) = (one for one in documents if one["kind"] == "Deployment")
    return deployment["spec"]["template"]["spec"]["containers"][0]


async def _start(folder: Path, command: list[str], environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    with (folder / f"{Path(command[0]).name}.log").open("wb") as log:
        return await asyncio.create_subprocess_exec(
            *command, cwd=folder, env={**os.environ, **environment}, stdout=log, stderr=log
        )


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _is_healthy(running: Counting) -> bool:
    try:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"http://127.0.0.1:{running.http_port}/healthcheck")).status_code == 200
    except httpx.TransportError:
        return False
