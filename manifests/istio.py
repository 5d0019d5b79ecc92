"""Runs Istio's validation on every build and compares its charts: `python -m manifests.istio`.

The charts are rendered and compared with the committed file (installation.py). For builds, warnings fail too, because
Istio only warns about a removed field. The first run builds istioctl, which takes minutes.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from local.paths import PYTHON, ROOT
from manifests import setup
from manifests.builds import all_builds
from manifests.installation import INSTALLATION, INSTALLED, RenderFailed, drift
from manifests.paths import BUILDS, ISTIOCTL

_WITHOUT = ("k8s/overlays/dev/kafka", "k8s/base")
"""Builds without Istio objects, or without all that its analysis needs; all of kafka/ is skipped too."""


def main() -> int:
    """Entry point. Prints the findings of istioctl; returns 1 if there are any."""
    tools = subprocess.run([str(PYTHON), "-m", "mesh.setup", "istioctl"], cwd=ROOT, check=False)
    if setup.main() or tools.returncode:
        return 1
    try:
        found = [f"{INSTALLED.relative_to(ROOT)}: {difference}" for difference in drift()]
    except RenderFailed as failure:
        found = [f"{INSTALLATION.relative_to(ROOT)}: {failure}"]
    found += [problem for file in _files() for problem in problems(file)]
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


def problems(file: Path, istioctl: Path = ISTIOCTL) -> Iterator[str]:
    """The findings of istioctl in a file of manifests, line by line."""
    analyze = ["analyze", "--all-namespaces", "--use-kube=false", "--failure-threshold=Warning"]
    for arguments, fine in ((["validate", "-f"], "is valid"), (analyze, "No validation issues found")):
        done = subprocess.run([str(istioctl), *arguments, str(file)], capture_output=True, text=True, check=False)
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        found = [line for line in lines if fine not in line]
        if done.returncode or found:
            yield from (f"{file.stem}: {line}" for line in found or lines)


def _files() -> Iterator[Path]:
    BUILDS.mkdir(parents=True, exist_ok=True)
    for name, text in all_builds().items():
        if name in _WITHOUT or name.startswith("kafka"):
            continue
        file = BUILDS / f"{name.replace('/', '-')}.yaml"
        file.write_text(text)
        yield file


if __name__ == "__main__":
    sys.exit(main())
