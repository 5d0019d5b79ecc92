"""`live` is asked apart from whether the service serves."""

from typing import Any

from grpc_health.v1 import health_pb2

from services.chassis.process.health import LIVE, Health


async def answer(health: Health, service: str) -> str:
    request, nobody = health_pb2.HealthCheckRequest(service=service), None
    found: Any = await health.Check(request, nobody)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(found.status))


async def test_live_fails_only_when_a_restart_helps() -> None:
    stuck = [False]
    health = Health(live=lambda: not stuck[0])
    assert (await answer(health, ""), await answer(health, LIVE)) == ("NOT_SERVING", "SERVING")
    health.set_serving(serving=True)
    stuck[0] = True
    assert (await answer(health, ""), await answer(health, LIVE)) == ("SERVING", "NOT_SERVING")
