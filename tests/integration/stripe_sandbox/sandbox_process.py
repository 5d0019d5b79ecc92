"""The sandbox as its users have it: a process of its own, on a port of its own, that can be killed."""

import asyncio
import contextlib
import os
import random
import socket
from pathlib import Path
from typing import Any

import httpx

from local.paths import PYTHON, ROOT

API_KEY = "sk_test_integration0001"
WEBHOOK_SECRET = "whsec_integration"
_HOST = "127.0.0.1"
_PORTS = range(30_200, 32_700)
_PATIENCE_SECONDS = 60


def free_port() -> int:
    """Nobody listens there, and no outgoing connection will take it: it lies below the system's own choices.

    So the sandbox finds it free again after a kill.
    """
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((_HOST, port))
            return port


class SandboxProcess:
    """Starts, kills and restarts one sandbox over the same data, and speaks to `/_sandbox/`."""

    def __init__(self, data: Path, webhook_url: str, **settings: str) -> None:
        self.url = f"http://{_HOST}:{free_port()}"
        self._log = data / "log"
        self._environment = {
            **os.environ,
            "STRIPE_SANDBOX_HOST": _HOST,
            "STRIPE_SANDBOX_PORT": self.url.rpartition(":")[2],
            "STRIPE_SANDBOX_DATA": str(data),
            "STRIPE_API_KEY": API_KEY,
            "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "STRIPE_WEBHOOK_URL": webhook_url,
            **settings,
        }
        self._process: asyncio.subprocess.Process | None = None
        self._http = httpx.AsyncClient(base_url=self.url, headers={"Authorization": f"Bearer {API_KEY}"}, timeout=30)

    async def start(self) -> None:
        """Returns when it answers."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                PYTHON, "-W", "error", "-m", "stripe_sandbox", cwd=ROOT, env=self._environment, stdout=log, stderr=log
            )
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not await self._healthy():
                assert self._process.returncode is None, self._log.read_text()
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process is not None
        self._process.terminate()
        return await self._process.wait()

    async def close(self) -> None:
        if self._process is not None and self._process.returncode is None:
            await self.stop()
        await self._http.aclose()

    async def ask(self, method: str, path: str, json: Any = None) -> Any:
        """Calls `/_sandbox/…` and returns its answer."""
        response = await self._http.request(method, f"/_sandbox/{path}", json=json)
        assert response.status_code == 200, response.text
        return response.json()

    async def control(self, **changes: Any) -> None:
        await self.ask("PATCH", "controls", changes)

    async def fault(self, **fault: Any) -> None:
        """For the next answer to a POST."""
        await self.ask("POST", "faults", fault)

    async def counts(self, payment_id: str) -> Any:
        return await self.ask("GET", f"counts?payment_id={payment_id}")

    async def until_committed(self, payment_id: str) -> None:
        """Returns when the payment has an intent, answered or not."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                if (await self.counts(payment_id))["payment_intents"]["total"]:
                    return
                await asyncio.sleep(0.02)

    async def until_under_way(self) -> None:
        """Returns when a request with an idempotency key has arrived and is not answered."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                if (await self.ask("GET", "controls"))["keys_in_use"]:
                    return
                await asyncio.sleep(0.02)

    async def until_delivered(self) -> None:
        """Returns when every event is delivered and acknowledged."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                if not (await self.counts("none"))["pending_webhooks"]:
                    return
                await asyncio.sleep(0.02)

    async def reset_controls(self) -> None:
        """As after a start, but quick."""
        await self.ask("DELETE", "faults")
        await self.control(
            webhooks_stopped=False,
            webhooks_lost=False,
            webhooks_duplicated=False,
            webhooks_shuffled=False,
            webhooks_delay_seconds=0,
            latency_seconds=0,
            processing_seconds=0.1,
            settlement_seconds=0.1,
            search_lag_seconds=0,
        )

    def log(self) -> str:
        return self._log.read_text()

    async def _healthy(self) -> bool:
        try:
            response = await self._http.get("/_sandbox/health")
        except httpx.TransportError:
            return False
        return response.status_code == 200
