"""A client of Envoy's admin port."""

from __future__ import annotations

import http.client
import json

from edge.settings import MOST_STREAMS

_ACTIVE_REQUESTS = r"http\.edge\.downstream_rq_active"
_STREAMS_LEFT = r"cluster\..*\.circuit_breakers\.high\.remaining_rq"
"""The number of further streams that each service allows; 0 if Envoy does not count them."""
_KEYS_FETCHED = r"http\.edge\.jwt_authn\.jwks_fetch_success"


class Admin:
    """One Envoy's admin port, on loopback."""

    def __init__(self, port: int) -> None:
        self._port = port

    def post(self, path: str) -> bool:
        """Send a POST request. Returns whether it succeeded."""
        return self._request("POST", path) is not None

    def active_requests(self) -> int:
        """The number of requests in flight without streams. 0: Envoy does not answer."""
        left = self._statistics(_STREAMS_LEFT)
        return sum(self._statistics(_ACTIVE_REQUESTS)) - sum(MOST_STREAMS - one for one in left if one)

    def missing(self, upstreams: list[str]) -> list[str]:
        """The upstreams without a healthy instance, and `keys` if none were fetched. `edge`: Envoy does not answer."""
        answer = self._request("GET", "/clusters?format=json")
        if answer is None:
            return ["edge"]
        hosts = {one["name"]: one.get("host_statuses", []) for one in json.loads(answer)["cluster_statuses"]}
        away = [name for name in upstreams if not any(map(_is_healthy, hosts.get(name, [])))]
        return away if any(self._statistics(_KEYS_FETCHED)) else [*away, "keys"]

    def _statistics(self, names: str) -> list[int]:
        """The statistics whose names match a regular expression."""
        answer = self._request("GET", f"/stats?filter=^{names}$") or ""
        return [int(line.rpartition(":")[2]) for line in answer.splitlines()]

    def _request(self, method: str, path: str) -> str | None:
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
