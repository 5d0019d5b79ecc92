"""A second process of a service of the running stack, with settings of its own."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from local.topology import parts
from tests.support.real_stack import RealStack
from tests.support.shop import Json, until

_PORTS_ABOVE = 200
_STOP_SECONDS = 20


@dataclass(frozen=True)
class SecondInstance:
    """The process, as its log and its admin port show it."""

    admin_url: str
    log: Path

    def lines(self, event: str) -> list[Json]:
        """The lines of its log about an event."""
        found = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in found if line["event"] == event]

    async def metric(self, name: str, labels: Mapping[str, str]) -> float | None:
        """The present value of a metric; None: it is not shown, or the process does not answer yet."""
        try:
            async with httpx.AsyncClient() as client:
                answer = await client.get(f"{self.admin_url}/metrics")
        except httpx.TransportError:
            return None
        samples = (one for family in text_string_to_metric_families(answer.text) for one in family.samples)
        return next((one.value for one in samples if one.name == name and one.labels == dict(labels)), None)


@asynccontextmanager
async def second_instance(
    stack: RealStack, service: str, settings: Mapping[str, str], directory: Path
) -> AsyncIterator[SecondInstance]:
    """The service once more beside the first, for the length of the block. Its log goes into the directory."""
    part = next(p for p in parts(stack.stack, stack.secrets) if p.name == service)
    grpc, admin = (stack.stack.port(f"{service}-{port}") + _PORTS_ABOVE for port in ("grpc", "admin"))
    environment = {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")},
        **part.environment,
        "GRPC_PORT": str(grpc),
        "ADMIN_PORT": str(admin),
        **settings,
    }
    instance = SecondInstance(f"http://127.0.0.1:{admin}", directory / f"{service}-2.log")
    with instance.log.open("wb") as log:
        process = await asyncio.create_subprocess_exec(*part.command, env=environment, stdout=log, stderr=log)

    async def is_ready() -> bool:
        assert process.returncode is None, instance.log.read_text()[-2000:]
        try:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"{instance.admin_url}/health")).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    try:
        await until(is_ready, bool, f"a second {service} is ready")
        yield instance
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
