"""Renders the edge's configuration for one deployment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from edge import docs
from edge.errors import mappers, unavailable
from edge.limits import HOUR, MINUTE, buckets, retry_after
from edge.settings import MOST_REQUESTS, MOST_STREAMS, ROOT, Address, EdgeSettings, Targets
from edge.tracing import sampler

WRITTEN = ROOT / "envoy"
DERIVED = ROOT / "generated" / "envoy"


def upstream_names() -> list[str]:
    """The names of the services behind the edge, from the contract."""
    return [upstream["name"] for upstream in _derived("upstreams")]


def public_services() -> list[str]:
    """The full names of the proto services that the edge serves."""
    return list(_derived("services"))


REFLECTION = "reflection.sock"
"""The Unix socket of the reflection server."""
CONNECTIONS = "connections.sock"
"""The Unix socket of the server that counts connections."""


def render(settings: EdgeSettings, targets: Targets, sockets: Path = Path()) -> str:
    """The whole configuration of Envoy, as YAML. Raises KeyError if a file contains an unknown `!value`.

    sockets: the folder of the Unix sockets of the edge's own process.
    """
    config = _written("edge", _values(settings, targets, sockets))
    if settings.limits_connections:
        (chain,) = config["static_resources"]["listeners"][0]["filter_chains"]
        chain["filters"].insert(0, _written("connection_limit", {}))
    return yaml.dump(config, Dumper=_Dumper, sort_keys=False, width=120)


def _values(settings: EdgeSettings, targets: Targets, sockets: Path) -> dict[str, Any]:
    multiplier = settings.rate_limit_multiplier
    limits = _derived("limits")
    answer_headers, errors = _written("answer_headers", {}), _written("errors", {})
    filters = _written(
        "filters",
        {
            "answer_headers": [{"append": option} for option in answer_headers],
            "lua": _script("utf8", "headers"),
            "json_lua": _script("json"),
            "cancelled_lua": unavailable(errors) + _script("cancelled"),
            "session_lua": _session_cookie(settings) + _script("session"),
            "descriptors": str(settings.edge_descriptors),
            "services": public_services(),
            "sign_in": _derived("sign_in"),
            "jwks_url": str(settings.jwks_url),
            "minute_limits": buckets(limits, "per_minute", MINUTE, multiplier),
            "minute_retry_after": retry_after(limits, "per_minute", MINUTE, multiplier),
            "hour_limits": buckets(limits, "per_hour", HOUR, multiplier),
            "hour_retry_after": retry_after(limits, "per_hour", HOUR, multiplier),
        },
    )
    filters[-1:-1] = _shared_limit(settings)
    keys = {"jwks_path": settings.jwks_path, "jwks_host": str(settings.jwks_url.host)}
    root_routes = _written("root_routes", {**keys, **docs.files()})
    web_routes = _written("web_routes", {}) if settings.web_target else []
    api_routes = [*_rpc_routes(settings), *_derived("rest_limits")]
    routes = [*root_routes, *api_routes, *web_routes, *_written("last_routes", {})]
    return {
        "host": settings.edge_host,
        "ipv4_too": settings.edge_host == "::",
        "port": settings.edge_port,
        "admin_port": settings.edge_admin_port,
        "trusted_hops": settings.edge_trusted_hops,
        "access_log": _written("access_log", {}),
        "tracing": _tracing(settings),
        "local_replies": {
            "mappers": [_written("health_answer", {}), *mappers(errors, answer_headers)],
        },
        "filters": filters,
        "route_config": _written("routes", {"routes": routes}),
        "clusters": _clusters(settings, targets, sockets),
        "overload": _written("overload", {"heap": settings.edge_heap_megabytes * 1024 * 1024}),
    }


def _session_cookie(settings: EdgeSettings) -> str:
    """The name and attributes of the session's cookie, for session.lua.

    Browsers accept the name with __Host- over HTTPS only, for this host and every path of it. So no other host of the
    domain can set it.
    """
    name, secure = ("__Host-session", "; Secure") if settings.edge_secure_cookies else ("session", "")
    return f'local COOKIE = "{name}"\nlocal ATTRIBUTES = "; Path=/; HttpOnly; SameSite=Strict{secure}"\n'


def _tracing(settings: EdgeSettings) -> Any:
    """The tracing configuration. None: there is no collector."""
    if settings.traces_address is None:
        return None
    return _written("tracing", {"sampler": sampler(settings), "environment": settings.deployment_environment})


def _rpc_routes(settings: EdgeSettings) -> Any:
    routes = _derived("routes")
    if settings.edge_in_mesh:
        for route in routes:
            route["route"].pop("retry_policy", None)
    return routes


def _clusters(settings: EdgeSettings, targets: Targets, sockets: Path) -> list[Any]:
    upstreams = [{**one, "upstream": one["name"], "most_requests": MOST_REQUESTS} for one in _derived("upstreams")]
    services = [
        _written("upstream", {**one, "most_streams": MOST_STREAMS, "endpoints": _endpoints(targets[one["upstream"]])})
        for one in [*upstreams, *_derived("bulkheads")]
    ]
    if settings.edge_in_mesh:
        for service in services:
            # The mesh's address has many instances: one that drains would make all unhealthy.
            del service["health_checks"]
    keys = _endpoints([settings.jwks_address])
    others = _written("other_clusters", {"jwks_endpoints": keys, "reflection_socket": str(sockets / REFLECTION)})
    if settings.limits_connections:
        others.append(_written("connection_limit_cluster", {"connections_socket": str(sockets / CONNECTIONS)}))
    if settings.web_target:
        others.append(_written("web_cluster", {"endpoints": _endpoints(settings.web_target)}))
    if settings.traces_address is not None:
        others.append(_written("traces_cluster", {"endpoints": _endpoints([settings.traces_address])}))
    return [*services, *others, *_counting(settings)]


def _shared_limit(settings: EdgeSettings) -> list[Any]:
    """The filter for the shared rate limit service, after the edge's own limits."""
    if settings.rate_limit_service is None:
        return []
    host, port = settings.rate_limit_service
    return [_written("shared_limit", {"authority": f"{host}:{port}"})]


def _counting(settings: EdgeSettings) -> list[Any]:
    if settings.rate_limit_service is None:
        return []
    return [_written("shared_limit_cluster", {"endpoints": _endpoints([settings.rate_limit_service])})]


def _endpoints(addresses: Iterable[Address]) -> list[Any]:
    return [
        {"endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}}} for host, port in addresses
    ]


def _derived(name: str) -> Any:
    return _read(DERIVED / f"{name}.yaml", {})


def _written(name: str, values: Mapping[str, Any]) -> Any:
    return _read(WRITTEN / f"{name}.yaml", values)


def _script(*names: str) -> str:
    """The Lua of one filter, from one or more files."""
    return "\n".join((WRITTEN / f"{name}.lua").read_text(encoding="utf-8") for name in names)


def _read(path: Path, values: Mapping[str, Any]) -> Any:
    """Read a YAML file and replace each `!value name`."""

    class Loader(yaml.CSafeLoader):
        pass

    Loader.add_constructor("!value", lambda _, node: values[node.value])
    with path.open(encoding="utf-8") as file:
        return yaml.load(file, Loader)  # noqa: S506 (a SafeLoader with one more tag)


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True
