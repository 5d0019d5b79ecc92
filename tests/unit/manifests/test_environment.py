"""Every process gets all settings that it requires, and none that it does not read."""

import os
from typing import Any

import pytest

from edge.render import upstream_names
from edge.settings import load
from facts.system import system
from local.paths import ROOT
from manifests import setup
from manifests.builds import Manifest, all_builds, manifests
from tests.support.settings_classes import SETTINGS
from web.settings import WebSettings

PRODUCTION = "k8s/overlays/production"


@pytest.fixture(scope="module")
def base() -> dict[str, Manifest]:
    assert setup.main() == 0
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in manifests(all_builds()["k8s/base"])}


def environment_of(base: dict[str, Manifest], workload: str) -> dict[str, str]:
    """The environment of a workload's container; secrets by name alone."""
    container: Any = base[workload]["spec"]["template"]["spec"]["containers"][0]
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    for source in container.get("envFrom", ()):
        secret = base[f"ExternalSecret/{source['secretRef']['name']}"]
        environment |= {entry["secretKey"]: "" for entry in secret["spec"]["data"]}
    return environment


@pytest.mark.parametrize("service", SETTINGS)
def test_a_service_gets_the_settings_it_reads(base: dict[str, Manifest], service: str) -> None:
    fields = SETTINGS[service].model_fields
    required = {name.upper() for name, field in fields.items() if field.is_required()}
    known = {name.upper() for name in fields}
    workloads = [f"Deployment/{service}"] + [f"Job/{service}-migration"] * system()[service].migrates
    for workload in workloads:
        given = environment_of(base, workload).keys()
        assert required - given == set(), workload
        assert given - known == set(), workload


def test_the_edge_takes_its_environment(base: dict[str, Manifest]) -> None:
    settings, targets = load(upstream_names(), environment_of(base, "Deployment/edge"))
    assert settings.edge_in_mesh
    assert (settings.edge_host, settings.edge_trusted_hops) == ("0.0.0.0", 1)  # noqa: S104 (it is compared)
    for name, ((host, port),) in targets.items():
        assert host == f"{name}.production.svc.cluster.local"
        assert port in [entry["port"] for entry in base[f"Service/{name}"]["spec"]["ports"] if entry["name"] == "grpc"]


def test_spans_have_the_attributes_of_the_deployment() -> None:
    for overlay, environment in (("k8s/overlays/dev", "dev"), (PRODUCTION, "production")):
        system = {f"{one['kind']}/{one['metadata']['name']}": one for one in manifests(all_builds()[overlay])}
        for name in (*SETTINGS, "edge"):
            assert environment_of(system, f"Deployment/{name}")["DEPLOYMENT_ENVIRONMENT"] == environment, (
                overlay,
                name,
            )


def test_productions_edge_asks_for_the_shared_count_where_it_is_kept() -> None:
    production = {f"{one['kind']}/{one['metadata']['name']}": one for one in manifests(all_builds()[PRODUCTION])}
    settings, _ = load(upstream_names(), environment_of(production, "Deployment/edge"))
    (port,) = production["Service/ratelimit"]["spec"]["ports"]
    assert settings.rate_limit_service == ("ratelimit.production.svc.cluster.local", port["port"])
    # Its configuration is the contract's, under a name that is new with every change of it.
    (config,) = (one for name, one in production.items() if name.startswith("ConfigMap/ratelimit-"))
    assert config["data"]["config.yaml"] == (ROOT / "generated" / "ratelimit" / "config.yaml").read_text()
    (volume,) = production["Deployment/ratelimit"]["spec"]["template"]["spec"]["volumes"]
    assert f"ConfigMap/{volume['configMap']['name']}" in production


@pytest.mark.parametrize("service", SETTINGS)
def test_the_targets_of_a_service_are_the_ones_it_is_configured_with(base: dict[str, Manifest], service: str) -> None:
    targets = {
        name: value for name, value in environment_of(base, f"Deployment/{service}").items() if name.endswith("_TARGET")
    }
    for name, value in targets.items():
        owner, port = value.split(":")
        assert name == f"{owner.upper()}_TARGET"
        assert int(port) == base[f"Service/{owner}"]["spec"]["ports"][0]["port"]
        # Who may be called and who calls: the contract's two NetworkPolicies agree.
        peers = base[f"NetworkPolicy/{owner}-callers"]["spec"]["ingress"][0]["from"]
        assert service in [peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for peer in peers]


def test_ports_and_mounts_fit_the_settings(base: dict[str, Manifest]) -> None:
    for service in SETTINGS:
        environment = environment_of(base, f"Deployment/{service}")
        container: Any = base[f"Deployment/{service}"]["spec"]["template"]["spec"]["containers"][0]
        ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
        assert ports == {"grpc": environment["GRPC_PORT"], "http-admin": environment["ADMIN_PORT"]}
        mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
        for name in ("SERVICE_KEY_FILE", "SERVICE_KEYS_FILE"):
            assert os.path.dirname(environment[name]) in mounts  # noqa: PTH120 (a path in a container)
        assert environment["KAFKA_TLS_DIR"] in mounts
        permissive = base_admin_port(service)
        assert permissive == environment["ADMIN_PORT"]


def base_admin_port(service: str) -> str:
    """The one port of a service that the mesh lets plain text come to."""
    everything = manifests(all_builds()["istio"])
    (rule,) = [one for one in everything if one["kind"] == "PeerAuthentication" and one["metadata"]["name"] == service]
    ((port, mode),) = rule["spec"]["portLevelMtls"].items()
    assert mode == {"mode": "PERMISSIVE"}
    return str(port)


def test_the_web_server_is_told_what_it_reads_and_the_edge_where_it_is(base: dict[str, Manifest]) -> None:
    environment = environment_of(base, "Deployment/web")
    required = {name.upper() for name, field in WebSettings.model_fields.items() if field.is_required()}
    assert required - environment.keys() == set()
    container: Any = base["Deployment/web"]["spec"]["template"]["spec"]["containers"][0]
    ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    assert ports == {"http": environment["WEB_PORT"], "http-admin": environment["ADMIN_PORT"]}
    assert base_admin_port("web") == environment["ADMIN_PORT"]
    settings, _ = load(upstream_names(), environment_of(base, "Deployment/edge"))
    assert settings.web_target == (("web.production.svc.cluster.local", int(environment["WEB_PORT"])),)
    assert settings.edge_secure_cookies
