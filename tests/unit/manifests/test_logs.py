"""The component that collects logs: its configuration and its pods agree."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any

import pytest
import yaml

from manifests import setup
from manifests.builds import Manifest, all_builds, manifests


@pytest.fixture(scope="module")
def built() -> dict[str, Manifest]:
    assert setup.main() == 0
    return {one["kind"]: one for one in manifests(all_builds()["k8s/components/logs"]) if _is_of_logs(one)}


def test_the_collector_gets_all_variables_of_its_configuration(built: dict[str, Manifest]) -> None:
    text = built["ConfigMap"]["data"]["config.yaml"]
    environment = {entry["name"]: entry["value"] for entry in container(built)["env"]}
    assert set(re.findall(r"\$\{env:(\w+)\}", text)) == environment.keys()
    assert environment["LOGS_OF"] == "production"


def test_what_it_reads_and_keeps_is_mounted(built: dict[str, Manifest]) -> None:
    config = yaml.safe_load(built["ConfigMap"]["data"]["config.yaml"])
    mounts = {mount["mountPath"]: mount for mount in container(built)["volumeMounts"]}
    (included,) = config["receivers"]["filelog"]["include"]
    read = next(path for path in mounts if PurePath(included).is_relative_to(path))
    assert mounts[read]["readOnly"]
    environment = {entry["name"]: entry["value"] for entry in container(built)["env"]}
    assert not mounts[environment["LOGS_POSITIONS"]].get("readOnly")
    (argument,) = container(built)["args"]
    assert any(PurePath(argument.removeprefix("--config=")).is_relative_to(path) for path in mounts)


def test_it_takes_the_configuration_that_is_shipped(built: dict[str, Manifest]) -> None:
    """A changed configuration has a new name, so that pods are started anew with it."""
    volumes = built["DaemonSet"]["spec"]["template"]["spec"]["volumes"]
    (named,) = (volume["configMap"]["name"] for volume in volumes if "configMap" in volume)
    assert named == built["ConfigMap"]["metadata"]["name"] != "collector"


def test_every_part_of_a_pipeline_is_configured(built: dict[str, Manifest]) -> None:
    config = yaml.safe_load(built["ConfigMap"]["data"]["config.yaml"])
    (pipeline,) = config["service"]["pipelines"].values()
    for part in ("receivers", "processors", "exporters"):
        assert set(pipeline[part]) == config[part].keys()
    assert set(config["service"]["extensions"]) == config["extensions"].keys()


def container(built: dict[str, Manifest]) -> Any:
    return built["DaemonSet"]["spec"]["template"]["spec"]["containers"][0]


def _is_of_logs(one: Manifest) -> bool:
    return bool(one["metadata"].get("namespace") == "logs")
