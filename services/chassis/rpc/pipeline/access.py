"""Authorization by the contract's access option. Use cases check the ownership of resources."""

from __future__ import annotations

from services.chassis.plain.errors import PermissionDenied, Unauthenticated
from services.chassis.rpc.call import Service, User
from services.chassis.rpc.contract import Access
from services.chassis.rpc.pipeline.exchange import Exchange, Step
from services.chassis.rpc.policy import MethodPolicyView


def check(method: MethodPolicyView, proceed: Step) -> Step:
    """Refuse callers without access: UNAUTHENTICATED without a token, else PERMISSION_DENIED."""
    if method.access is Access.PUBLIC:
        return proceed

    async def allowed(exchange: Exchange) -> bytes:
        if exchange.caller is None:
            raise Unauthenticated()
        if not _may_call(method, exchange.caller):
            raise PermissionDenied()
        return await proceed(exchange)

    return allowed


def _may_call(method: MethodPolicyView, caller: User | Service) -> bool:
    if isinstance(caller, Service):
        return method.access is Access.INTERNAL and caller.name in method.callers
    if method.access is Access.STAFF:
        return caller.is_staff
    return method.access is Access.USER
