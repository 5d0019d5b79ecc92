"""What the image holds, and that all of it runs."""

import re
import subprocess
from http import HTTPStatus
from pathlib import Path

import httpx
import psutil
import pytest

from cli.version import VERSION
from local.commands.demo import demo
from local.image.build import inside
from local.image.layout import USER
from local.ports import SERVICES
from local.stack import Stack

ENVIRONMENT = "/opt/argosy"


def _output_of(*command: str) -> str:
    return subprocess.run(inside(*command), capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("path", ["/health", "/live"])
def test_a_service_answers_its_health(stack: Stack, service: str, path: str) -> None:
    assert httpx.get(stack.url(f"{service}-admin", path)).status_code == HTTPStatus.OK


def test_the_edge_answers_its_health_and_reaches_a_service(stack: Stack) -> None:
    assert httpx.get(stack.url("edge", "/healthz")).status_code == HTTPStatus.OK
    assert httpx.get(stack.url("edge", "/api/v1/products/prod-123")).json()["id"] == "prod-123"


def test_the_web_app_is_served(stack: Stack) -> None:
    page = httpx.get(stack.url("edge", "/"))
    assert (page.status_code, page.headers["content-type"]) == (HTTPStatus.OK, "text/html; charset=utf-8")
    (script,) = re.findall(r'src="(/assets/[^"]+\.js)"', page.text)
    assert httpx.get(stack.url("edge", script)).status_code == HTTPStatus.OK


def test_people_buy_through_it(stack: Stack) -> None:
    assert demo(stack) == 0


def test_what_listens_is_the_image_and_no_root(stack: Stack) -> None:
    ports = {stack.port(f"{service}-grpc") for service in SERVICES} | {stack.port("edge"), stack.port("web")}
    listening = {
        connection.laddr.port: psutil.Process(connection.pid)
        for connection in psutil.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port in ports
    }
    assert listening.keys() == ports
    assert {process.uids().effective for process in listening.values()} == {USER}
    assert all(Path(f"/proc/{process.pid}/root{ENVIRONMENT}").is_dir() for process in listening.values())


def test_the_command_line_is_on_the_path() -> None:
    assert _output_of("argosy", "--version") == f"argosy {VERSION}\n"


def test_what_only_building_and_testing_need_is_not_there() -> None:
    assert _output_of("ls", "/argosy").split() == ["cli", "edge", "envoy", "generated", "services", "web"]
    assert _output_of("ls", "/argosy/web/app").split() == ["dist"]
    found = _output_of(
        "python", "-c", "import importlib.util as u; print([n for n in ('pip', 'pytest', 'local') if u.find_spec(n)])"
    )
    assert found == "[]\n"


def test_the_files_are_not_the_users_own() -> None:
    assert _output_of("find", "/argosy", "/opt/argosy", "-user", str(USER)) == ""
