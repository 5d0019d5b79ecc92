"""Generates the edge's configuration that follows from the contract, as pieces of Envoy configuration.

`python -m edge` adds addresses, ports and the rate limit multiplier of the deployment.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from codegen.yaml_files import duration, write_yaml
from services.chassis.rpc.contract import REQUEST_BYTES, Bulkhead, Rpc, Service, public_rpcs, rate_limits

Piece = list[Any]

# When reads are retried: gateway errors and the equivalent gRPC statuses. deadline-exceeded, because the service may
# notice the timeout of an attempt before the edge does.
RETRY_ON = "gateway-error,connect-failure,refused-stream,cancelled,unavailable,deadline-exceeded"
PREVIOUS_HOSTS = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
PER_ROUTE = "envoy.extensions.filters.http.buffer.v3.BufferPerRoute"
MOMENT_MS = 500
STREAM_ENDS_WITHIN = 5.0
"""The edge ends a stream this many seconds after the service should have ended it."""

_PARTS = re.compile(r"({[^}]*})")


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


def bulkheads(services: tuple[Service, ...]) -> Piece:
    """The bulkheads of the services behind the edge: each is a cluster with its own limit of concurrent requests."""
    return [
        {
            "name": _cluster(service, bulkhead),
            "upstream": service.owner,
            "health_service": service.full_name,
            "most_requests": bulkhead.max_in_flight + bulkhead.max_waiting,
        }
        for service in services
        if not service.is_internal
        for bulkhead in service.bulkheads
    ]


def routes(services: tuple[Service, ...]) -> Piece:
    """One route per public rpc. REST requests are already transcoded, so the paths are gRPC's."""
    return [_route(service, rpc) for service, rpc in public_rpcs(services)]


def rest_limits(services: tuple[Service, ...]) -> Piece:
    """One route by the REST path for each rpc that limits its requests otherwise than the default.

    The body is buffered, and limited, before it is transcoded: until then no route of an rpc matches a REST request.
    """
    return [
        {
            "name": f"{service.owner}.{rpc.name}.rest",
            "match": _rest_match(rpc),
            # Never taken: the request has a route of an rpc by then, or an unknown path.
            "route": {"cluster_header": "x-edge-nowhere", "cluster_not_found_response_code": "NOT_FOUND"},
            **_with_metadata({"lua": limits}),
            **_body_limit(rpc),
        }
        for service, rpc in public_rpcs(services)
        if (limits := _limits_of_requests(rpc))
    ]


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
    "bulkheads": ("The groups of rpcs with a limit of concurrent requests of their own.", bulkheads),
    "routes": ("One route per public rpc.", routes),
    "rest_limits": ("Limits of requests by REST path, for rpcs with others than the default.", rest_limits),
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
        "cluster": _cluster(service, rpc.bulkhead) if rpc.bulkhead in service.bulkheads else service.owner,
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
    for_lua = {**({"streams": True} if rpc.streams else {}), **_limits_of_requests(rpc)}
    if for_lua:
        metadata["lua"] = for_lua
    return {**route, **_with_metadata(metadata), **_body_limit(rpc)}


def _cluster(service: Service, bulkhead: Bulkhead) -> str:
    return f"{service.owner}-{bulkhead.name}"


def _with_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"filter_metadata": metadata}} if metadata else {}


def _limits_of_requests(rpc: Rpc) -> dict[str, Any]:
    """What headers.lua checks before the body is read. Empty: the default."""
    return {
        **({"max_request_bytes": rpc.max_request_bytes} if rpc.max_request_bytes != REQUEST_BYTES else {}),
        **({"required_headers": list(rpc.required_headers)} if rpc.required_headers else {}),
    }


def _body_limit(rpc: Rpc) -> dict[str, Any]:
    """The limit of the filter `buffer`, for bodies without Content-Length."""
    if rpc.max_request_bytes == REQUEST_BYTES:
        return {}
    limit = {"@type": f"type.googleapis.com/{PER_ROUTE}", "buffer": {"max_request_bytes": rpc.max_request_bytes}}
    return {"typed_per_filter_config": {"buffer": limit}}


def _rest_match(rpc: Rpc) -> dict[str, Any]:
    pattern = "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in _PARTS.split(rpc.route))
    method = {"name": ":method", "string_match": {"exact": rpc.verb}}
    return {"safe_regex": {"regex": pattern}, "headers": [method]}


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
