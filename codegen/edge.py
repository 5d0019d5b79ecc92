"""Generates the edge's configuration that follows from the contract, as pieces of Envoy configuration.

`python -m edge` adds addresses, ports and the rate limit multiplier of the deployment.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from codegen.yaml_files import duration, write_yaml
from services.chassis.rpc.contract import Rpc, Service, public_rpcs, rate_limits

Piece = list[Any]

# When reads are retried: gateway errors and the equivalent gRPC statuses. deadline-exceeded, because the service may
# notice the timeout of an attempt before the edge does.
RETRY_ON = "gateway-error,connect-failure,refused-stream,cancelled,unavailable,deadline-exceeded"
PREVIOUS_HOSTS = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
MOMENT_MS = 500
STREAM_ENDS_WITHIN = 5.0
"""The edge ends a stream this many seconds after the service should have ended it."""


def write_edge(services: tuple[Service, ...], into: Path) -> None:
    """Write one file per piece."""
    for name, (title, derive) in PIECES.items():
        write_yaml(into / f"{name}.yaml", title, derive(services))


def transcoded_services(services: tuple[Service, ...]) -> Piece:
    """The proto services that are served over REST."""
    return [service.full_name for service in services if not service.is_internal]


def upstreams(services: tuple[Service, ...]) -> Piece:
    """The services behind the edge, each with the proto service of its health check."""
    by_owner: dict[str, str] = {}
    for service in services:
        if not service.is_internal:
            by_owner.setdefault(service.owner, service.full_name)
    return [{"name": owner, "health_service": by_owner[owner]} for owner in sorted(by_owner)]


def routes(services: tuple[Service, ...]) -> Piece:
    """One route per public rpc. REST requests are already transcoded, so the paths are gRPC's."""
    return [_route(service, rpc) for service, rpc in public_rpcs(services)]


def sign_in_rules(services: tuple[Service, ...]) -> Piece:
    """The token that each public rpc requires."""
    return [{"match": {"path": rpc.path}, "requires": SIGN_IN[rpc.access]} for _, rpc in public_rpcs(services)]


def limits(services: tuple[Service, ...]) -> Piece:
    """The rate limits per caller, by group."""
    return [
        {"group": limit.group, "per_minute": limit.per_minute, "per_hour": limit.per_hour}
        for limit in rate_limits(services)
    ]


PIECES: dict[str, tuple[str, Callable[[tuple[Service, ...]], Piece]]] = {
    "services": ("The proto services that are served over REST.", transcoded_services),
    "upstreams": ("The services behind the edge.", upstreams),
    "routes": ("One route per public rpc.", routes),
    "sign_in": ("The token that each public rpc requires.", sign_in_rules),
    "limits": ("The rate limits per caller, by group.", limits),
}

# An invalid token is refused, also by rpcs that need none. The service checks the role staff.
SIGN_IN: dict[str, dict[str, Any]] = {
    "PUBLIC": {"requires_any": {"requirements": [{"provider_name": "argosy"}, {"allow_missing": {}}]}},
    "USER": {"provider_name": "argosy"},
    "STAFF": {"provider_name": "argosy"},
}


def _route(service: Service, rpc: Rpc) -> dict[str, Any]:
    action: dict[str, Any] = {
        "cluster": service.owner,
        # A mesh's proxy routes by this name.
        "host_rewrite_literal": service.owner,
        **(_stream_times(rpc) if rpc.streams else {"timeout": duration(rpc.timeout)}),
    }
    if rpc.is_read and service.read_retries:
        action["retry_policy"] = {
            "retry_on": RETRY_ON,
            "num_retries": service.read_retries,
            # An attempt of a stream lasts as long as the stream. After its first message there is no retry.
            **({} if rpc.streams else {"per_try_timeout": duration(service.per_try_timeout)}),
            # Retry on another instance, if there is one. Selection is random, so it needs several attempts.
            "retry_host_predicate": [_extension("envoy.retry_host_predicates.previous_hosts", PREVIOUS_HOSTS)],
            "host_selection_retry_max_attempts": 10,
        }
    route: dict[str, Any] = {
        "name": f"{service.owner}.{rpc.name}",
        "match": {"path": rpc.path},
        "route": action,
        # The service's deadline is a moment after the edge's timeout, so that the edge responds. A shorter timeout of
        # the caller stays.
        "request_headers_to_add": [
            {
                "header": {"key": "grpc-timeout", "value": f"{round(rpc.timeout * 1000) + MOMENT_MS}m"},
                "append_action": "ADD_IF_ABSENT",
            }
        ],
    }
    metadata: dict[str, Any] = {}
    if service.rate_limit is not None and not rpc.unlimited:
        metadata["argosy"] = {"group_by_address" if rpc.counts_by_address else "group": service.rate_limit.group}
    if rpc.streams:
        metadata["lua"] = {"streams": True}
    if metadata:
        route["metadata"] = {"filter_metadata": metadata}
    return route


def _stream_times(rpc: Rpc) -> dict[str, Any]:
    """A stream needs no response timeout and no idle timeout. The service ends it in time; if not, the edge does."""
    return {
        "timeout": "0s",
        "idle_timeout": "0s",
        "max_stream_duration": {"max_stream_duration": duration(rpc.timeout + STREAM_ENDS_WITHIN)},
        # A separate limit of concurrent requests: streams do not use up that of calls.
        "priority": "HIGH",
    }


def _extension(name: str, type_name: str) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": f"type.googleapis.com/{type_name}"}}
