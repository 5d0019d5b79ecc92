"""Writes everything that is derived, from the contract above all."""

import tempfile
from pathlib import Path

from codegen.alerts import write_alerts
from codegen.asyncapi.document import write_asyncapi
from codegen.contract import read_contract
from codegen.edge import write_edge
from codegen.image import build_image, build_json_image
from codegen.mesh import write_mesh
from codegen.network import write_network
from codegen.openapi.document import write_openapi
from codegen.shared_limits import write_shared_limits
from codegen.stubs import generate_stubs


def generate(into: Path) -> None:
    """Writes the whole of `generated/` into an empty or absent folder; the same protos give the same bytes."""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        generate_stubs(build_image(source_info=True), into / "python", Path(scratch))
    (into / "descriptors.binpb").write_bytes(build_image(source_info=False))
    image = build_json_image(source_info=True)
    services = read_contract(image)
    write_edge(services, into / "envoy")
    write_mesh(services, into / "istio")
    write_network(services, into / "kubernetes")
    write_shared_limits(services, into / "ratelimit")
    write_alerts(into / "prometheus")
    write_openapi(image, services, into / "openapi")
    write_asyncapi(image, into / "asyncapi")


def regenerate(target: Path) -> None:
    """Replaces a generated tree, at once and only when all of it could be made."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as scratch:
        fresh, old = Path(scratch, "fresh"), Path(scratch, "old")
        generate(fresh)
        if target.exists():
            target.rename(old)
        fresh.rename(target)
