"""The files that GitHub, dev containers and pre-commit read: valid by their schemas, and in step with the project."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gates.check import CHECKS
from local.paths import BIN, ROOT
from local.ports import BASE
from local.setup.interpreter import NEWEST, OLDEST
from local.setup.prerequisites import TOOLS

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
COMPOSITE = sorted((GITHUB / "actions").glob("*/action.yml"))
FORMS = [file for file in sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")) if file.name != "config.yml"]
SCHEMAS = [
    *((file, "github-workflows") for file in WORKFLOWS),
    *((file, "github-workflows-require-timeout") for file in WORKFLOWS),
    *((file, "github-actions") for file in COMPOSITE),
    *((file, "github-issue-forms") for file in FORMS),
    (GITHUB / "ISSUE_TEMPLATE" / "config.yml", "github-issue-config"),
    (GITHUB / "dependabot.yml", "dependabot"),
]
PINNED = re.compile(r"[\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
PROSE = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", ".github/pull_request_template.md")]


def read(file: Path) -> Any:
    return yaml.safe_load(file.read_text())


def targets() -> set[str]:
    return set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))


def complaints(file: Path, schema: str) -> str:
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", f"vendor.{schema}", str(file)]
    if schema.endswith("timeout"):
        command[2] = f"custom.{schema}"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def steps(file: Path) -> Iterator[dict[str, Any]]:
    found = read(file)
    jobs = found["jobs"].values() if "jobs" in found else [found["runs"]]
    for job in jobs:
        yield from job["steps"]


@pytest.mark.parametrize(("file", "schema"), SCHEMAS, ids=lambda one: one.name if isinstance(one, Path) else one)
def test_github_takes_it(file: Path, schema: str) -> None:
    assert complaints(file, schema) == ""


def test_a_workflow_that_github_would_refuse_is_seen(tmp_path: Path) -> None:
    bad = tmp_path / "ci.yml"
    bad.write_text("on: push\njobs: {a: {runs-on: ubuntu-24.04, steps: [{use: actions/checkout}]}}\n")
    assert "steps" in complaints(bad, "github-workflows")
    assert complaints(bad, "github-workflows-require-timeout")


@pytest.mark.parametrize("file", [*WORKFLOWS, *COMPOSITE], ids=lambda file: str(file.relative_to(GITHUB)))
def test_every_action_is_pinned_by_its_commit(file: Path) -> None:
    uses = [line.partition("uses: ")[2] for line in file.read_text().splitlines() if "uses: " in line]
    assert uses
    for one in uses:
        assert (ROOT / one).is_dir() if one.startswith("./") else PINNED.fullmatch(one), one


def test_an_action_has_one_version_everywhere() -> None:
    text = "".join(file.read_text() for file in (*WORKFLOWS, *COMPOSITE))
    found = {name: set(re.findall(rf"uses: {name}@(\S+)", text)) for name in re.findall(r"uses: ([\w/-]+)@", text)}
    assert {name: commits for name, commits in found.items() if len(commits) > 1} == {}


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_may_only_read_and_a_job_that_writes_has_the_permission(file: Path) -> None:
    workflow = read(file)
    assert workflow["permissions"] == {"contents": "read"}
    written = [name for name, job in workflow["jobs"].items() if "write" in str(job.get("permissions"))]
    assert written == (["upgrade"] if file.name == "locks.yml" else [])


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_no_expression_is_pasted_into_a_script(file: Path) -> None:
    assert [step["run"] for step in steps(file) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("file", [*WORKFLOWS, *PROSE, ROOT / ".devcontainer/devcontainer.json"], ids=lambda f: f.name)
def test_every_make_target_that_it_names_is_there(file: Path) -> None:
    code = r"(?m)(?:^|[`\"]|run: |&& )make (?:-s )?([a-z][a-z-]*)"
    assert set(re.findall(code, file.read_text())) <= targets()


def test_ci_runs_what_a_laptop_runs() -> None:
    commands = [step.get("run") for step in steps(GITHUB / "workflows" / "ci.yml")]
    assert ".ci/run" in commands
    assert ".venv/bin/buf lint" in commands
    assert any(command and command.startswith("make breaking AGAINST=") for command in commands)
    for command in filter(None, commands):
        program = command.split()[0]
        assert program == "make" or (ROOT / program).exists() or (BIN / Path(program).name).exists()


def test_everything_that_set_up_demands_is_brought() -> None:
    action = (GITHUB / "actions" / "prerequisites" / "action.yml").read_text()
    container = (ROOT / ".devcontainer" / "Dockerfile").read_text()
    (java,) = {tool.least[0] for tool in TOOLS if tool.program == "java"}
    for tool in TOOLS:
        in_action = {"go": "setup-go@", "java": f'java-version: "{java}"', "mvn": "cache: maven"}[tool.program]
        in_container = {"go": "/usr/local/go", "java": f"openjdk-{java}-jre", "mvn": "maven"}[tool.program]
        assert in_action in action
        assert in_container in container
    pythons = re.findall(r'python-version: "(\d+)\.(\d+)"', action) + re.findall(r"FROM python:(\d+)\.(\d+)", container)
    assert len(pythons) == 2
    for major, minor in pythons:
        assert OLDEST <= (int(major), int(minor)) <= NEWEST


def newest_go() -> tuple[int, int]:
    files = [
        file
        for folder in ("codegen", "gates", "local", "manifests", "mesh", "tests")
        for file in (ROOT / folder).rglob("go.mod")
    ]
    found = [re.search(r"(?m)^go (\d+)\.(\d+)", file.read_text()) for file in files]
    return max((int(one[1]), int(one[2])) for one in found if one)


def test_go_is_new_enough_for_every_module() -> None:
    action = read(GITHUB / "actions" / "prerequisites" / "action.yml")
    (file,) = [step["with"]["go-version-file"] for step in action["runs"]["steps"] if "setup-go" in step["uses"]]
    stated = re.search(r"(?m)^go (\d+)\.(\d+)", (ROOT / file).read_text())
    image = re.search(r"FROM golang:(\d+)\.(\d+)", (ROOT / ".devcontainer" / "Dockerfile").read_text())
    for found in (stated, image):
        assert found
        assert (int(found[1]), int(found[2])) >= newest_go()


def test_the_container_sets_up_and_shows_what_the_laptop_serves() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    assert container["postCreateCommand"] == "make setup"
    assert set(container["forwardPorts"]) == {BASE["edge"], BASE["mail-http"]}
    assert set(container["portsAttributes"]) == set(map(str, container["forwardPorts"]))
    assert (ROOT / ".devcontainer" / container["build"]["dockerfile"]).is_file()


def test_hooks_are_checks_of_ours_by_programs_of_ours() -> None:
    checks = {title: " ".join(command) for title, command in CHECKS}
    (repository,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert (hook["language"], hook["pass_filenames"]) == ("system", False)
        program, *arguments = hook["entry"].split()
        assert " ".join([str(ROOT / program), *arguments]) == checks[hook["name"]]


ECOSYSTEMS = {"gomod": "go.mod", "maven": "pom.xml", "docker": "Dockerfile"}


@pytest.mark.parametrize("ecosystem", ECOSYSTEMS)
def test_updates_are_looked_for_wherever_something_is_pinned(ecosystem: str) -> None:
    (update,) = [one for one in read(GITHUB / "dependabot.yml")["updates"] if one["package-ecosystem"] == ecosystem]
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    folders = {str(Path(file).parent) for file in listed if Path(file).name == ECOSYSTEMS[ecosystem]}
    assert {folder.strip("/") or "." for folder in update["directories"]} == folders


@pytest.mark.parametrize("file", PROSE, ids=lambda file: file.name)
def test_what_it_links_to_is_there(file: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)", file.read_text())
    assert [link for link in links if not (file.parent / link).exists()] == []
