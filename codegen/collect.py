"""Collects the imported protos from packages of their publishers. They are not committed."""

import json
import shutil
import subprocess
from importlib import resources
from pathlib import Path

from codegen.paths import ROOT, THIRD_PARTY

# The imports of our protos, and all types of error details: the edge can only transcode types that it knows.
GOOGLEAPIS = (
    "google/api/annotations.proto",
    "google/api/http.proto",
    "google/api/httpbody.proto",
    "google/rpc/code.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
)
PROTOVALIDATE = "github.com/bufbuild/protovalidate"
PROTOVALIDATE_PIN = ROOT / "codegen" / "protovalidate"


def collect(into: Path = THIRD_PARTY) -> None:
    """Copy the imported protos into a folder, which is replaced.

    google/protobuf is not included: buf contains it.
    """
    shutil.rmtree(into, ignore_errors=True)
    for name in GOOGLEAPIS:
        package, _, file = name.replace("/", ".").removesuffix(".proto").rpartition(".")
        _write(into / name, resources.files(package).joinpath(f"{file}.proto").read_text(encoding="utf-8"))
    validate = "buf/validate/validate.proto"
    _write(into / validate, (_protovalidate_module() / "proto/protovalidate" / validate).read_text(encoding="utf-8"))


def is_collected(into: Path = THIRD_PARTY) -> bool:
    """Whether all files of `collect` exist."""
    return all((into / name).is_file() for name in (*GOOGLEAPIS, "buf/validate/validate.proto"))


def _protovalidate_module() -> Path:
    """The folder of protovalidate's Go module. Go verifies the download with the hash in go.sum."""
    answer = subprocess.run(
        ["go", "mod", "download", "-json", PROTOVALIDATE],
        cwd=PROTOVALIDATE_PIN,
        check=True,
        capture_output=True,
        text=True,
    )
    return Path(json.loads(answer.stdout)["Dir"])


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
