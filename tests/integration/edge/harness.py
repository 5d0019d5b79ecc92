"""A real Envoy, run as a deployment runs it, between a client and a gRPC server whose answers a test sets."""

from __future__ import annotations

import asyncio
import importlib
import os
import pkgutil
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
import jwt
import yaml
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from edge.admin import Admin
from edge.render import render, upstream_names
from edge.settings import load
from facts.system import system
from local.ports import free_port
from services.chassis.rpc.server import OPTIONS

ROOT = Path(__file__).resolve().parents[3]


def _modules(package: str) -> list[str]:
    """The generated modules of a package, by name."""
    found = pkgutil.iter_modules(importlib.import_module(package).__path__)
    return [f"{package}.{module.name}" for module in found if module.name.endswith("_pb2")]


OWNERS = system().public
FILES = tuple(
    module
    for owner in OWNERS
    for module in map(importlib.import_module, _modules(f"argosy.{owner}.v1"))
    if module.DESCRIPTOR.services_by_name
)
Context = Any  # grpc ships no types
Change = Callable[[dict[str, Any]], None]
Answer = Callable[[Any, Context], Awaitable[Message]]


@dataclass
class SeenCall:
    """One call as it reached a service."""

    path: str
    request: Message
    metadata: dict[str, str]


@dataclass
class Upstream:
    """All of argosy's services, the internal ones too, on one port."""

    port: int
    health: health.aio.HealthServicer
    server: grpc.aio.Server
    answers: dict[str, Answer] = field(default_factory=dict)
    calls: list[SeenCall] = field(default_factory=list)

    def answer(self, path: str, answer: Answer) -> None:
        """From now on an rpc answers so, until `forget`. A stream's messages are written to the context."""
        self.answers[path] = answer

    def forget(self) -> None:
        """Every rpc answers with an empty message again, and nothing was called."""
        self.answers.clear()
        self.calls.clear()

    def called(self, path: str) -> list[SeenCall]:
        """The calls of one rpc."""
        return [call for call in self.calls if call.path == path]


@asynccontextmanager
async def upstream() -> AsyncIterator[Upstream]:
    """A running upstream whose health is SERVING."""
    server = grpc.aio.server(options=OPTIONS)
    health_servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    running = Upstream(port, health_servicer, server)
    for file in FILES:
        for service in file.DESCRIPTOR.services_by_name.values():
            handlers = {method.name: _handler(method, running) for method in service.methods}
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
            await health_servicer.set(service.full_name, health_pb2.HealthCheckResponse.SERVING)
    await server.start()
    try:
        yield running
    finally:
        await server.stop(0)


def _handler(method: MethodDescriptor, running: Upstream) -> grpc.RpcMethodHandler:
    path = f"/{method.containing_service.full_name}/{method.name}"
    request_class = message_factory.GetMessageClass(method.input_type)
    response_class = message_factory.GetMessageClass(method.output_type)
    make = grpc.unary_stream_rpc_method_handler if method.server_streaming else grpc.unary_unary_rpc_method_handler

    async def handle(request: Message, context: Context) -> Message:
        metadata = {key: str(value) for key, value in context.invocation_metadata() or ()}
        running.calls.append(SeenCall(path, request, metadata))
        answer = running.answers.get(path)
        return response_class() if answer is None else await answer(request, context)

    return make(
        handle, request_deserializer=request_class.FromString, response_serializer=response_class.SerializeToString
    )


class Issuer:
    """Signs tokens as the user service does, and publishes its key."""

    def __init__(self, kid: str = "test-key") -> None:
        self.key = Ed25519PrivateKey.generate()
        self.kid = kid

    def jwks(self) -> dict[str, Any]:
        """The public half."""
        public = jwt.algorithms.OKPAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": self.kid, "alg": "EdDSA", "use": "sig"}]}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """A good token's claims, changed; a claim that is None is left out."""
        now = int(time.time())
        claims = {
            "iss": "https://argosy.local",
            "aud": "https://api.myapp.com",
            "sub": str(uuid.uuid4()),
            "sid": str(uuid.uuid4()),
            "azp": "web-app",
            "roles": ["customer"],
            "iat": now,
            "exp": now + 3600,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, key: Ed25519PrivateKey | None = None, **changes: Any) -> str:
        """A token, valid unless claims are changed; `key` signs in place of our own."""
        return jwt.encode(self.claims(**changes), key or self.key, algorithm="EdDSA", headers={"kid": self.kid})

    def bearer(self, **changes: Any) -> dict[str, str]:
        """The header of somebody new."""
        return {"authorization": f"Bearer {self.token(**changes)}"}


@asynccontextmanager
async def jwks_server(published: list[Issuer]) -> AsyncIterator[str]:
    """The user service's admin port, as far as the edge knows it; the list may grow. Gives the keys' address."""

    async def keys(_: web.Request) -> web.Response:
        return web.json_response({"keys": [key for issuer in published for key in issuer.jwks()["keys"]]})

    app = web.Application()
    app.router.add_get("/.well-known/jwks.json", keys)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/.well-known/jwks.json"
    finally:
        await runner.cleanup()


def error_of(answer: httpx.Response) -> tuple[int, str]:
    """An error's code and reason; fails unless the answer has the one shape of all errors."""
    body = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert set(body) == {"code", "message", "details"}
    assert body["message"]
    info = next(detail for detail in body["details"] if detail["@type"].endswith("/google.rpc.ErrorInfo"))
    assert info["domain"] == "argosy"
    return body["code"], info["reason"]


@dataclass
class Edge:
    """A running edge."""

    port: int
    admin_port: int
    process: asyncio.subprocess.Process
    log: Path

    @property
    def url(self) -> str:
        """Its public address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def target(self) -> str:
        """The same, for gRPC."""
        return f"127.0.0.1:{self.port}"

    def client(self) -> httpx.AsyncClient:
        """A new connection to it."""
        return httpx.AsyncClient(base_url=self.url, timeout=20)


def environment(ports: Mapping[str, int], jwks_url: str, **changes: str) -> dict[str, str]:
    """What a deployment would set, every upstream on its port."""
    return {
        **os.environ,
        "EDGE_PORT": str(free_port()),
        "EDGE_ADMIN_PORT": str(free_port()),
        "JWKS_URL": jwks_url,
        **{f"{owner.upper()}_TARGET": f"127.0.0.1:{ports[owner]}" for owner in OWNERS},
        **changes,
    }


@asynccontextmanager
async def edge(
    settings: Mapping[str, str], log: Path, *, without: Collection[str] = (), change: Change | None = None
) -> AsyncIterator[Edge]:
    """A running edge with all its parts except those in `without`; its output goes to a file.

    change: changes the configuration first. Then Envoy runs on it by itself, and does not drain.
    """
    command = [sys.executable, "-m", "edge", "run"] if change is None else _envoy(settings, change, log.parent)
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=dict(settings), stdout=output, stderr=output
        )
    running = Edge(int(settings["EDGE_PORT"]), int(settings["EDGE_ADMIN_PORT"]), process, log)
    try:
        await until(lambda: _is_up(running), f"the edge is up; see {log}")
        await until(lambda: _has_all(running, without), f"the edge has what it needs; see {log}")
        yield running
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGTERM)
            await process.wait()


def _envoy(settings: Mapping[str, str], change: Change, folder: Path) -> list[str]:
    config = yaml.load(render(*load(upstream_names(), settings)), yaml.CSafeLoader)
    change(config)
    file = folder / "changed.yaml"
    file.write_text(yaml.dump(config, Dumper=yaml.CSafeDumper))
    return [str(Path(sys.executable).parent / "envoy"), "--config-path", str(file), "--disable-hot-restart"]


def manager(config: dict[str, Any]) -> dict[str, Any]:
    """The part of a configuration that everything public is in."""
    found: dict[str, Any] = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][-1][
        "typed_config"
    ]
    return found


def http_filter(config: dict[str, Any], name: str) -> dict[str, Any]:
    """One filter's configuration."""
    found: dict[str, Any] = next(one for one in manager(config)["http_filters"] if one["name"] == name)["typed_config"]
    return found


async def _is_up(running: Edge) -> bool:
    assert running.process.returncode is None, running.log.read_text()
    try:
        async with running.client() as client:
            return (await client.get("/healthz")).status_code == 200
    except httpx.TransportError:
        return False


async def _has_all(running: Edge, without: Collection[str]) -> bool:
    missing = await asyncio.to_thread(Admin(running.admin_port).missing, list(OWNERS))
    return set(missing) <= set(without)


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float = 20) -> None:
    """Waits for something to become true; fails with what it was when it does not."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.1)
