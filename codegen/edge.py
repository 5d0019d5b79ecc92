"""What the contract decides about the edge, as pieces of Envoy configuration.

Addresses, ports and the limits' multiplier are the deployment's: `python -m edge` puts them in, on a laptop and in a
cluster alike.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from codegen.yaml_files import duration, write_yaml
from services.chassis.contract import Rpc, Service, public_rpcs, rate_limits

Piece = list[Any]

# What a failed read is repeated for: the gateway's own failures, and what gRPC calls them. The time of one try is over
# for the service, too, which may be the first to say so: deadline-exceeded.
RETRY_ON = "gateway-error,connect-failure,refused-stream,cancelled,unavailable,deadline-exceeded"
PREVIOUS_HOSTS = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
MOMENT_MS = 500
STREAM_ENDS_WITHIN = 5.0
"""Seconds that the service has to end a stream whose time is up."""


def write_edge(services: tuple[Service, ...], into: Path) -> None:
    """Writes one file a piece."""
    for name, (title, derive) in PIECES.items():
        write_yaml(into / f"{name}.yaml", title, derive(services))


def transcoded_services(services: tuple[Service, ...]) -> Piece:
    """The proto services that have a REST face."""
    return [service.full_name for service in services if not service.is_internal]


def upstreams(services: tuple[Service, ...]) -> Piece:
    """The processes behind the edge, and the proto service that each is asked about its health."""
    by_owner: dict[str, str] = {}
    for service in services:
        if not service.is_internal:
            by_owner.setdefault(service.owner, service.full_name)
    return [{"name": owner, "health_service": by_owner[owner]} for owner in sorted(by_owner)]


def routes(services: tuple[Service, ...]) -> Piece:
    """One route for each public rpc. REST arrives here transcoded, so the paths are gRPC's for both."""
    return [_route(service, rpc) for service, rpc in public_rpcs(services)]


def sign_in_rules(services: tuple[Service, ...]) -> Piece:
    """What token each public rpc asks for."""
    return [{"match": {"path": rpc.path}, "requires": SIGN_IN[rpc.access]} for _, rpc in public_rpcs(services)]


def limits(services: tuple[Service, ...]) -> Piece:
    """What one caller may do, by group."""
    return [
        {"group": limit.group, "per_minute": limit.per_minute, "per_hour": limit.per_hour}
        for limit in rate_limits(services)
    ]


PIECES: dict[str, tuple[str, Callable[[tuple[Service, ...]], Piece]]] = {
    "services": ("The proto services that have a REST face.", transcoded_services),
    "upstreams": ("The processes behind the edge.", upstreams),
    "routes": ("One route for each public rpc.", routes),
    "sign_in": ("What token each public rpc asks for.", sign_in_rules),
    "limits": ("What one caller may do, by group.", limits),
}

# A token that is sent must be a good one even where none is asked for. Whether a person is staff, the service decides.
SIGN_IN: dict[str, dict[str, Any]] = {
    "PUBLIC": {"requires_any": {"requirements": [{"provider_name": "argosy"}, {"allow_missing": {}}]}},
    "USER": {"provider_name": "argosy"},
    "STAFF": {"provider_name": "argosy"},
}


def _route(service: Service, rpc: Rpc) -> dict[str, Any]:
    action: dict[str, Any] = {
        "cluster": service.owner,
        # In a mesh the next proxy finds the service by this name.
        "host_rewrite_literal": service.owner,
        **(_stream_times(rpc) if rpc.streams else {"timeout": duration(rpc.timeout)}),
    }
    if rpc.is_read and service.read_retries:
        action["retry_policy"] = {
            "retry_on": RETRY_ON,
            "num_retries": service.read_retries,
            # A try at a stream lasts as long as the stream. Once its first message is out, nothing is repeated.
            **({} if rpc.streams else {"per_try_timeout": duration(service.per_try_timeout)}),
            # Another instance, where there is one: chosen at random, so that a few draws may all find the same again.
            "retry_host_predicate": [_extension("envoy.retry_host_predicates.previous_hosts", PREVIOUS_HOSTS)],
            "host_selection_retry_max_attempts": 10,
        }
    route: dict[str, Any] = {
        "name": f"{service.owner}.{rpc.name}",
        "match": {"path": rpc.path},
        "route": action,
        # The service stops when nobody waits any more: a moment after the edge, so that it is the edge that answers.
        # A caller in more of a hurry has said so already.
        "request_headers_to_add": [
            {
                "header": {"key": "grpc-timeout", "value": f"{round(rpc.timeout * 1000) + MOMENT_MS}m"},
                "append_action": "ADD_IF_ABSENT",
            }
        ],
    }
    metadata: dict[str, Any] = {}
    if service.rate_limit is not None and not rpc.unlimited:
        metadata["argosy"] = {"group": service.rate_limit.group}
    if rpc.streams:
        metadata["lua"] = {"streams": True}
    if metadata:
        route["metadata"] = {"filter_metadata": metadata}
    return route


def _stream_times(rpc: Rpc) -> dict[str, Any]:
    """A stream is no slow answer, and may be silent for long. The service ends it in time; the edge, should it not."""
    return {
        "timeout": "0s",
        "idle_timeout": "0s",
        "max_stream_duration": {"max_stream_duration": duration(rpc.timeout + STREAM_ENDS_WITHIN)},
        # Its own share of connections' requests: those who wait for news are not in the way of those who buy.
        "priority": "HIGH",
    }


def _extension(name: str, type_name: str) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": f"type.googleapis.com/{type_name}"}}
