"""Checks the contract: style, compatibility with the last release, drift, valid OpenAPI and AsyncAPI."""

import filecmp
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import openapi_spec_validator
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError, best_match
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

import facts.system
from codegen.blocks import drifted
from codegen.generate import generate
from codegen.image import build_image
from codegen.paths import GENERATED, ROOT, tool
from codegen.releases import newest, ours_alone, retired
from services.chassis.rpc.contract import OURS

ASYNCAPI_SCHEMA = Path(__file__).parent / "asyncapi" / "specification.json"


class CheckFailed(Exception):
    """A check failed. The text names the check and the fix."""


def check() -> None:
    """Run every check. Raises CheckFailed at the first failure."""
    check_style()
    check_drift(GENERATED)
    check_blocks(ROOT)
    check_openapi(GENERATED)
    check_asyncapi(GENERATED)
    check_compatibility()


def check_style() -> None:
    """Run buf lint (rules in buf.yaml) and buf format. Raises CheckFailed."""
    if subprocess.run([tool("buf"), "lint"], cwd=ROOT).returncode:
        raise CheckFailed("buf lint: see above")
    if subprocess.run([tool("buf"), "format", "--diff", "--exit-code", "proto"], cwd=ROOT).returncode:
        raise CheckFailed("buf format: see above; `make format` fixes it")


def check_drift(committed: Path) -> None:
    """Generate again and compare with the committed files, byte for byte. Raises CheckFailed."""
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch)
        generate(fresh)
        differing = sorted(differences(fresh, committed))
    if differing:
        raise CheckFailed(f"generated/ is outdated; run `make generate`: {', '.join(differing)}")


def check_blocks(root: Path) -> None:
    """Compare the derived blocks in hand-written files. Raises CheckFailed; NoBlock if markers are missing."""
    wrong = drifted(facts.system.read(root), root)
    if wrong:
        raise CheckFailed(f"a derived block is outdated; run `make generate`: {', '.join(wrong)}")


def check_openapi(committed: Path) -> None:
    """Validate the OpenAPI document by OpenAPI's schema and rules. Raises CheckFailed."""
    document = json.loads((committed / "openapi" / "openapi.json").read_text(encoding="utf-8"))
    try:
        openapi_spec_validator.validate(document)
    except (OpenAPIValidationError, ValidationError) as problem:
        raise CheckFailed(f"generated/openapi is not valid OpenAPI: {problem}") from problem
    print(f"OpenAPI: valid, {len(document['paths'])} paths")


def check_asyncapi(committed: Path) -> None:
    """Validate the AsyncAPI document by AsyncAPI's schema. Raises CheckFailed."""
    document = json.loads((committed / "asyncapi" / "asyncapi.json").read_text(encoding="utf-8"))
    problem = best_match(Draft7Validator(json.loads(ASYNCAPI_SCHEMA.read_text(encoding="utf-8"))).iter_errors(document))
    if problem is not None:
        raise CheckFailed(f"generated/asyncapi is not valid AsyncAPI: {problem.json_path}: {problem.message}")
    print(f"AsyncAPI: valid, {len(document['channels'])} channels")


def check_compatibility() -> None:
    """Run buf breaking against the contract of the newest release. Raises CheckFailed, NoRelease."""
    release = newest()
    broken = breaking_changes(release.read_bytes(), build_image(source_info=False))
    if broken:
        raise CheckFailed(f"the contract is not compatible with release {release.stem}:\n{broken}")
    print(f"buf breaking: compatible with {release.stem}")


def check_against(commit: str, repository: Path = ROOT) -> None:
    """Run buf breaking against the contract in generated/ of another commit. Raises CheckFailed."""
    shown = subprocess.run(
        ["git", "show", f"{commit}:{(GENERATED / 'descriptors.binpb').relative_to(ROOT)}"],
        cwd=repository,
        capture_output=True,
    )
    if shown.returncode:
        raise CheckFailed(f"{commit} has no contract to compare with: {shown.stderr.decode().strip()}")
    broken = breaking_changes(ours_alone(shown.stdout), build_image(source_info=False))
    if broken:
        raise CheckFailed(f"the contract is not compatible with {commit}:\n{broken}")
    print(f"buf breaking: compatible with {commit}")


def breaking_changes(released: bytes, present: bytes) -> str:
    """buf's report of breaking changes in our files between two serialized FileDescriptorSets. Empty: none."""
    with tempfile.TemporaryDirectory() as scratch:
        old, new = Path(scratch, "released.binpb"), Path(scratch, "present.binpb")
        old.write_bytes(_with_imports_from(present, released))
        new.write_bytes(present)
        command = [str(tool("buf")), "breaking", str(new), "--against", str(old)]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if result.returncode and not result.stdout:
        raise CheckFailed(f"buf breaking did not run: {result.stderr}")
    return result.stdout


def _with_imports_from(present: bytes, released: bytes) -> bytes:
    """A release's own files with the present imports, so that changes of imported files are not reported.

    Files that were given up on purpose (proto/retired.txt) are left out.
    """
    files = [file for file in FileDescriptorSet.FromString(present).file if not file.name.startswith(OURS)]
    gone = retired()
    files += [file for file in FileDescriptorSet.FromString(ours_alone(released)).file if file.name not in gone]
    return FileDescriptorSet(file=files).SerializeToString()


def differences(fresh: Path, committed: Path) -> Iterator[str]:
    """The relative paths that differ or are in one tree only. Ignores __pycache__."""
    names = {path.relative_to(tree) for tree in (fresh, committed) for path in tree.rglob("*") if path.is_file()}
    for name in names:
        if "__pycache__" in name.parts:
            continue
        one, other = fresh / name, committed / name
        if not (one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)):
            yield str(name)
