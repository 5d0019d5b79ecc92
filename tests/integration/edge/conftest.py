"""One edge, one upstream and one issuer of tokens for all tests that change nothing about them."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import httpx
import pytest

from local.ports import free_port
from tests.integration.edge.harness import OWNERS, Edge, Issuer, Upstream, edge, environment, jwks_server
from tests.integration.edge.harness import upstream as running_upstream


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="session")
async def jwks_url(issuer: Issuer) -> AsyncIterator[str]:
    async with jwks_server([issuer]) as url:
        yield url


@pytest.fixture(scope="session")
async def services() -> AsyncIterator[Upstream]:
    async with running_upstream() as running:
        yield running


@pytest.fixture
def upstream(services: Upstream) -> Upstream:
    """The upstream without calls and without answers set."""
    services.forget()
    return services


@pytest.fixture(scope="session")
def ports(services: Upstream) -> dict[str, int]:
    """Where each service is; nobody listens for notification."""
    return {**dict.fromkeys(OWNERS, services.port), "notification": free_port()}


@pytest.fixture(scope="session")
async def running_edge(
    ports: dict[str, int], jwks_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Edge]:
    """An edge with room for many calls."""
    settings = environment(ports, jwks_url, RATE_LIMIT_MULTIPLIER="1000")
    log = tmp_path_factory.mktemp("edge") / "edge.log"
    async with edge(settings, log, without=("notification",)) as running:
        yield running


@pytest.fixture
async def client(running_edge: Edge) -> AsyncIterator[httpx.AsyncClient]:
    async with running_edge.client() as client:
        yield client


@pytest.fixture
async def channel(running_edge: Edge) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(running_edge.target) as channel:
        yield channel


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where an edge of a test's own writes."""
    return tmp_path / "edge.log"
