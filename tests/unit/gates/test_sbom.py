"""The SBOM is valid CycloneDX, and names every part that something pins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from cli.version import VERSION
from gates import sbom
from local.paths import ROOT
from local.setup.packages import LOCK, RUNTIME_LOCK


@pytest.fixture(scope="module")
def text() -> str:
    return sbom.sbom()


@pytest.fixture(scope="module")
def parts(text: str) -> dict[str, Any]:
    """The components by purl."""
    return {part["purl"]: part for part in json.loads(text)["components"]}


def test_it_is_valid_cyclonedx(text: str) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(text) is None
    assert validator.validate_str(text.replace('"excluded"', '"unsure"')) is not None


def test_it_is_of_this_version_and_depends_on_every_part(text: str, parts: dict[str, Any]) -> None:
    document = json.loads(text)
    assert document["metadata"]["component"]["version"] == VERSION
    (ours,) = [one for one in document["dependencies"] if one["ref"] == "argosy"]
    assert set(ours["dependsOn"]) == set(parts)


def test_every_python_package_is_there_and_the_images_are_required(parts: dict[str, Any]) -> None:
    for lock, scope in ((LOCK, {"required", "excluded"}), (RUNTIME_LOCK, {"required"})):
        lines = [line.split()[0] for line in lock.read_text().splitlines() if line[:1].isalnum()]
        assert lines
        for line in lines:
            name, version = line.split("==")
            assert parts[f"pkg:pypi/{name}@{version}"]["scope"] in scope, line
    assert parts["pkg:pypi/pytest@" + next(iter(_versions("pytest")))]["scope"] == "excluded"


def _versions(package: str) -> list[str]:
    lines = [line for line in LOCK.read_text().splitlines() if line.startswith(f"{package}==")]
    return [line.split()[0].partition("==")[2] for line in lines]


def test_the_web_apps_packages_are_there_and_those_of_its_pages_are_required(parts: dict[str, Any]) -> None:
    locked = json.loads(sbom.NPM_LOCK.read_text())["packages"]
    for path, package in locked.items():
        if path:
            name = path.rpartition("node_modules/")[2].replace("@", "%40")
            part = parts[f"pkg:npm/{name}@{package['version']}"]
            assert part["scope"] in ("required", "excluded")
            assert package.get("dev") or part["scope"] == "required"
    assert parts[f"pkg:npm/esbuild@{locked['node_modules/esbuild']['version']}"]["scope"] == "excluded"


def test_go_modules_are_there(parts: dict[str, Any]) -> None:
    for module in ("github.com/fullstorydev/grpcurl", "github.com/FerretDB/FerretDB", "sigs.k8s.io/kustomize/api"):
        assert [purl for purl in parts if purl.lower().startswith(f"pkg:golang/{module}@".lower())], module


def test_a_module_that_is_replaced_is_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "local"
    folder.mkdir()
    (folder / "go.mod").write_text(
        "module a\n\ngo 1.25.0\n\nreplace example.com/old => example.com/new v1.2.3\n\nrequire example.com/old v0.0.0\n"
    )
    monkeypatch.setattr(sbom, "ROOT", tmp_path)
    assert [part.bom_ref.value for part in sbom.go_modules()] == ["pkg:golang/example.com/new@v1.2.3"]


def test_every_jar_is_there_with_its_hash(parts: dict[str, Any]) -> None:
    hashes = {part["hashes"][0]["content"] for purl, part in parts.items() if purl.startswith("pkg:maven/")}
    for sums in (file for folder in sbom.OURS for file in (ROOT / folder).rglob("jars.sha256")):
        assert {line.split()[0] for line in sums.read_text().splitlines()} <= hashes


def test_a_jar_that_maven_does_not_know_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sbom, "_maven_artifacts", lambda _: iter(()))
    with pytest.raises(sbom.SbomFailed, match=r"jars\.sha256 lists .*\.jar"):
        list(sbom.jars())
