"""The software bill of materials: `python -m gates.sbom` prints a CycloneDX document of all third-party components.

It reads the files that pin versions: the locks of Python packages, the web app's package-lock.json, each go.mod, each
pom.xml with its jars.sha256.
Components of the image have the scope `required`; those of the laptop, checks and tests are `excluded`.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from cli.version import VERSION
from local.paths import ROOT
from local.setup.packages import LOCK, RUNTIME_LOCK

OUTPUT = ROOT / ".local" / f"argosy-{VERSION}.cdx.json"
NPM_LOCK = ROOT / "web" / "app" / "package-lock.json"
OURS = ("codegen", "gates", "local", "load", "manifests", "mesh", "tests")
"""The folders that pin other components than Python packages."""
_PINNED = re.compile(r"(?m)^([A-Za-z0-9._-]+)==([^\s;\\]+)")


class SbomFailed(Exception):
    """A component cannot be identified; the text names it."""


def sbom() -> str:
    """The document as JSON. Raises SbomFailed."""
    bom = Bom()
    ours = Component(name="argosy", version=VERSION, type=ComponentType.APPLICATION, bom_ref="argosy")
    bom.metadata.component = ours
    parts = {part.bom_ref.value: part for part in [*go_modules(), *jars(), *npm_packages(), *python_packages()]}
    bom.components.update(parts.values())
    bom.register_dependency(ours, parts.values())
    return JsonV1Dot6(bom).output_as_string(indent=2)


def python_packages() -> Iterator[Component]:
    """Every package of every lock; those of the image last."""
    locks = [LOCK, *(file for folder in OURS for file in sorted((ROOT / folder).rglob("requirements.txt")))]
    for lock in locks:
        for name, version in _PINNED.findall(lock.read_text(encoding="utf-8")):
            yield _part(PackageURL("pypi", None, name, version), license_text=_license(name))
    for name, version in _PINNED.findall(RUNTIME_LOCK.read_text(encoding="utf-8")):
        yield _part(PackageURL("pypi", None, name, version), ComponentScope.REQUIRED, license_text=_license(name))


def go_modules() -> Iterator[Component]:
    """Every module of a go.mod, or its replacement."""
    for folder in OURS:
        for file in sorted((ROOT / folder).rglob("go.mod")):
            found = json.loads(_run("go", "mod", "edit", "-json", str(file)))
            replaced = {one["Old"]["Path"]: one["New"] for one in found.get("Replace") or ()}
            for required in found.get("Require") or ():
                module = replaced.get(required["Path"], required)
                namespace, _, name = module["Path"].rpartition("/")
                yield _part(PackageURL("golang", namespace, name, module["Version"]))


def npm_packages() -> Iterator[Component]:
    """Every package of the web app's lock. The image has those that the app is bundled with."""
    packages = json.loads(NPM_LOCK.read_text(encoding="utf-8"))["packages"]
    for path, package in sorted(packages.items(), key=lambda one: not one[1].get("dev", False)):
        if path:
            namespace, _, name = path.rpartition("node_modules/")[2].rpartition("/")
            scope = ComponentScope.EXCLUDED if package.get("dev") else ComponentScope.REQUIRED
            purl = PackageURL("npm", namespace or None, name, package["version"])
            yield _part(purl, scope, license_text=package.get("license"))


def jars() -> Iterator[Component]:
    """Every jar of a jars.sha256; Maven provides its group. Raises SbomFailed."""
    for folder in OURS:
        for sums in sorted((ROOT / folder).rglob("jars.sha256")):
            known = dict(_maven_artifacts(sums.with_name("pom.xml")))
            for line in sums.read_text(encoding="utf-8").splitlines():
                digest, jar = line.split()
                if jar not in known:
                    raise SbomFailed(f"{sums.relative_to(ROOT)} lists {jar}, which is no dependency of its pom.xml")
                yield _part(known[jar], hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)])


def _maven_artifacts(pom: Path) -> Iterator[tuple[str, PackageURL]]:
    """File name → artifact, of all dependencies of a pom."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "list")
        _run("mvn", "--batch-mode", "--quiet", "-f", str(pom), "dependency:list", f"-DoutputFile={file}")
        listed = file.read_text(encoding="utf-8")
    # group:artifact:jar[:classifier]:version:scope
    for group, artifact, classifier, version in re.findall(
        r"(?m)^ +([^:\s]+):([^:]+):jar(?::([^:]+))??:([^:]+):\w+", listed
    ):
        name = "-".join(filter(None, (artifact, version, classifier)))
        qualifiers = {"classifier": classifier} if classifier else {}
        yield f"{name}.jar", PackageURL("maven", group, artifact, version, qualifiers)


def _part(
    purl: PackageURL,
    scope: ComponentScope = ComponentScope.EXCLUDED,
    *,
    hashes: list[HashType] | None = None,
    license_text: str | None = None,
) -> Component:
    return Component(
        name=purl.name,
        group=purl.namespace,
        version=purl.version,
        purl=purl,
        bom_ref=purl.to_string(),
        scope=scope,
        hashes=hashes,
        licenses=[LicenseFactory().make_from_string(license_text)] if license_text else None,
    )


def _license(package: str) -> str | None:
    """The SPDX license expression of an installed package; None if it states none or is not installed."""
    try:
        found = metadata(package).json.get("license_expression")
    except PackageNotFoundError:
        return None
    return str(found) if found else None


def _run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SbomFailed(f"`{' '.join(command)}` failed: {done.stderr or done.stdout}")
    return done.stdout


def main() -> int:
    """Entry point; returns the exit code."""
    try:
        document = sbom()
    except SbomFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(document, encoding="utf-8")
    print(OUTPUT.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
