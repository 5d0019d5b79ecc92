"""Writes all generated files."""

import tempfile
from pathlib import Path

import facts.system
from codegen.alerts import write_alerts
from codegen.asyncapi.document import write_asyncapi
from codegen.blocks import write_blocks
from codegen.edge import write_edge
from codegen.image import build_image, build_json_image
from codegen.kafka import write_kafka
from codegen.kubernetes import write_kubernetes
from codegen.mesh import write_mesh
from codegen.objectives import write_objectives
from codegen.openapi.document import write_openapi
from codegen.shared_limits import write_shared_limits
from codegen.stubs import generate_stubs


def generate(into: Path) -> None:
    """Write all of `generated/` into an empty or absent folder. The same input gives the same bytes."""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        generate_stubs(build_image(source_info=True), into / "python", Path(scratch))
    contract = build_image(source_info=False)
    (into / "descriptors.binpb").write_bytes(contract)
    system = facts.system.read(image=contract)
    services = system.contract
    write_edge(services, into / "envoy")
    write_mesh(system, into / "istio")
    write_kubernetes(system, into / "kubernetes")
    write_kafka(system, into / "kafka")
    write_shared_limits(services, into / "ratelimit")
    write_alerts(system, into / "prometheus")
    write_objectives(system, into)
    image = build_json_image(source_info=True)
    write_openapi(image, services, into / "openapi")
    write_asyncapi(image, system, into / "asyncapi")


def renew_stubs(target: Path) -> None:
    """Replace the Python stubs of the generated tree."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as scratch:
        generate_stubs(build_image(source_info=True), Path(scratch, "python"), Path(scratch))
        _replace(target / "python", Path(scratch, "python"), Path(scratch, "old"))


def regenerate(target: Path) -> None:
    """Replace the generated tree after all of it was generated. Then update the derived blocks of other files."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as scratch:
        generate(Path(scratch, "fresh"))
        _replace(target, Path(scratch, "fresh"), Path(scratch, "old"))
    write_blocks(facts.system.read(target.parent), target.parent)


def _replace(target: Path, fresh: Path, old: Path) -> None:
    """Put `fresh` in the place of `target`, which becomes `old`."""
    target.parent.mkdir(exist_ok=True)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
