"""What the image is built from is there, and compose.yaml runs what it holds."""

import fnmatch
import re
from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml

from edge.render import upstream_names
from edge.settings import load
from local.image import build
from local.image.layout import KEYS, USER
from local.paths import ROOT
from local.ports import SERVICES
from tests.support.settings_classes import SETTINGS
from web.settings import WebSettings

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
OF_THE_IMAGE = {name: service for name, service in COMPOSE.items() if service["image"].startswith("argosy:")}


@pytest.mark.parametrize("source", build.copied())
def test_what_is_copied_is_there_and_not_ignored(source: str) -> None:
    assert (ROOT / source).exists()
    rules = (ROOT / ".dockerignore").read_text().split()
    ignored = False
    for rule in rules:
        pattern = rule.removeprefix("!").removesuffix("/")
        if any(fnmatch.fnmatch(str(path), pattern) for path in (PurePosixPath(source), *PurePosixPath(source).parents)):
            ignored = not rule.startswith("!")
    assert not ignored


def test_the_base_is_the_one_that_is_made_without_a_registry() -> None:
    assert {f"docker.io/library/{image}" for image in re.findall(r"(?m)^FROM (\S+)", DOCKERFILE)} == {build.BASE}


def test_nothing_is_installed_but_by_the_locks() -> None:
    assert not re.search(r"pip install|uv pip|apt-get", DOCKERFILE)


def test_the_command_line_is_on_the_path() -> None:
    (written,) = re.findall(r"> (/\S+)/argosy\b", DOCKERFILE)
    (path,) = re.findall(r"(?m)^ENV PATH=(\S+)", DOCKERFILE)
    assert written in path.split(":")


@pytest.mark.parametrize("name", OF_THE_IMAGE)
def test_compose_starts_what_the_image_holds_or_what_is_mounted(name: str) -> None:
    service = OF_THE_IMAGE[name]
    if "entrypoint" in service:
        module = re.findall(r"from (\w+) import", service["entrypoint"][-1])[-1]
    else:
        module = service["command"][0]
    folder = module.partition(".")[0]
    assert folder in build.copied() or f"./{folder}:/argosy/{folder}:ro" in service["volumes"]
    assert service["image"] == build.IMAGE


@pytest.mark.parametrize("service", SERVICES)
def test_compose_sets_what_a_service_reads(service: str) -> None:
    fields = SETTINGS[service].model_fields
    given = OF_THE_IMAGE[service]["environment"].keys()
    assert {name.upper() for name, field in fields.items() if field.is_required()} - given == set()
    assert given - {name.upper() for name in fields} == set()


def test_compose_sets_what_the_edge_reads() -> None:
    load(upstream_names(), {name: str(value) for name, value in OF_THE_IMAGE["edge"]["environment"].items()})


def test_compose_and_the_trial_mount_keys_where_the_image_has_a_place_for_them() -> None:
    assert f"install -d -o argosy -g argosy {KEYS}" in DOCKERFILE
    assert f"--uid {USER} " in DOCKERFILE
    assert all(f"keys:{KEYS}" in str(service["volumes"]) for name, service in OF_THE_IMAGE.items() if name in SERVICES)


def test_compose_tells_the_web_server_what_it_reads_and_the_edge_where_it_is() -> None:
    given = OF_THE_IMAGE["web"]["environment"]
    assert {name.upper() for name, field in WebSettings.model_fields.items() if field.is_required()} <= given.keys()
    assert OF_THE_IMAGE["edge"]["environment"]["WEB_TARGET"] == f"web:{given['WEB_PORT']}"
