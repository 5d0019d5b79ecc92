"""A small built app, and the real server of it."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from local.ports import free_port
from tests.integration.edge.harness import ROOT, until

PAGE = "<!doctype html><title>Argosy</title>"
SCRIPT = "console.log('argosy');\n" * 50


def build(directory: Path, script: str = "main-ABC.js") -> Path:
    """Write an app whose page loads one script."""
    (directory / "assets").mkdir(parents=True)
    (directory / "index.html").write_text(PAGE)
    (directory / "favicon.svg").write_text("<svg/>")
    (directory / "assets" / script).write_text(SCRIPT)
    return directory


@asynccontextmanager
async def web_server(dist: Path, log: Path) -> AsyncIterator[str]:
    """`python -m web` over a directory. Gives its `host:port`."""
    web_port, admin_port = free_port(), free_port()
    settings = {"WEB_PORT": str(web_port), "ADMIN_PORT": str(admin_port), "WEB_DIRECTORY": str(dist)}
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "web",
            cwd=ROOT,
            env={**settings, "DRAIN_SETTLE_SECONDS": "0"},
            stdout=output,
            stderr=output,
        )
    try:
        await until(lambda: _is_up(admin_port, process), f"the web server is up; see {log}")
        yield f"127.0.0.1:{web_port}"
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0, f"see {log}"


async def _is_up(admin_port: int, process: asyncio.subprocess.Process) -> bool:
    assert process.returncode is None
    try:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"http://127.0.0.1:{admin_port}/health")).status_code == 200
    except httpx.TransportError:
        return False
