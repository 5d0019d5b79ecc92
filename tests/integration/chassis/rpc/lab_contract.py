"""lab.proto, compiled when this module is imported."""

from __future__ import annotations

import atexit
import importlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import grpc_tools
from grpc_tools import protoc

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[3]


def _compiled() -> tuple[Any, Any]:
    folder = tempfile.mkdtemp(prefix="argosy-lab-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    includes = [_HERE, _ROOT / "proto", _ROOT / "third_party" / "proto", Path(grpc_tools.__file__).parent / "_proto"]
    arguments = [f"-I{include}" for include in includes]
    if protoc.main(["protoc", *arguments, f"--python_out={folder}", f"--grpc_python_out={folder}", "lab.proto"]):
        raise RuntimeError("lab.proto does not compile; is third_party/proto set up?")
    sys.path.insert(0, folder)
    return importlib.import_module("lab_pb2"), importlib.import_module("lab_pb2_grpc")


lab_pb2, lab_pb2_grpc = _compiled()
LAB = lab_pb2.DESCRIPTOR.services_by_name["LabService"]
INTERNAL = lab_pb2.DESCRIPTOR.services_by_name["LabInternalService"]
