"""Envoy's admin port, as far as we ask it anything."""

from __future__ import annotations

import http.client
import json

_ACTIVE_REQUESTS = "http.edge.downstream_rq_active"
_KEYS_FETCHED = "http.edge.jwt_authn.jwks_fetch_success"


class Admin:
    """One Envoy's admin port, on loopback."""

    def __init__(self, port: int) -> None:
        self._port = port

    def post(self, path: str) -> bool:
        """Whether it was done."""
        return self._ask("POST", path) is not None

    def active_requests(self) -> int:
        """How many requests are in flight; 0 when Envoy does not say."""
        return self._statistic(_ACTIVE_REQUESTS)

    def missing(self, upstreams: list[str]) -> list[str]:
        """What the edge still lacks: upstreams without a healthy instance, and `keys` before any were fetched."""
        answer = self._ask("GET", "/clusters?format=json")
        if answer is None:
            return ["edge"]
        hosts = {one["name"]: one.get("host_statuses", []) for one in json.loads(answer)["cluster_statuses"]}
        away = [name for name in upstreams if not any(map(_is_healthy, hosts.get(name, [])))]
        return away if self._statistic(_KEYS_FETCHED) else [*away, "keys"]

    def _statistic(self, name: str) -> int:
        answer = self._ask("GET", f"/stats?filter=^{name}$") or ""
        return int(answer.rpartition(":")[2] or 0)

    def _ask(self, method: str, path: str) -> str | None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read().decode()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        return body if answer.status == 200 else None


def _is_healthy(host: dict[str, dict[str, object]]) -> bool:
    status = host["health_status"]
    return not any(name.startswith(("failed_", "pending_")) and value for name, value in status.items())
