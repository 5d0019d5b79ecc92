"""Who may call which rpc: written down here by hand, held against the contract by calls, and proven to see mistakes.

`<service>/who_may_call.yaml` is written independently of proto/. Each rpc is tried as every kind of
caller; then each access rule is changed in every way in which it could be wrong, and the same trial has to notice. A
new rpc needs a line there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from facts.system import system
from services.chassis.plain.errors import PermissionDenied, Unauthenticated
from services.chassis.rpc import policy
from services.chassis.rpc.call import STAFF_ROLE, Service, User
from services.chassis.rpc.contract import Access
from services.chassis.rpc.pipeline import access
from services.chassis.rpc.pipeline.exchange import Context, Exchange
from services.chassis.rpc.policy import MethodPolicyView
from tests.contract.support import proto_services

SERVICES = system().names

ANYONE, SIGNED_IN, STAFF = "anyone", "signed in", "staff"


def _table() -> Mapping[str, str | frozenset[str]]:
    """Every line of every service's table."""
    files = [Path(__file__).parent / service / "who_may_call.yaml" for service in SERVICES]
    rules = {name: rule for file in files for name, rule in yaml.safe_load(file.read_text()).items()}
    return {name: rule if isinstance(rule, str) else frozenset(rule) for name, rule in rules.items()}


TABLE = _table()

CALLERS: Mapping[str, User | Service | None] = {
    "nobody": None,
    "customer": User("u-1", frozenset(), "s-1", "web-app"),
    "staff": User("u-2", frozenset({STAFF_ROLE}), "s-2", "web-app"),
    **{name: Service(name) for name in SERVICES},
}


def _rpcs() -> Iterator[MethodPolicyView]:
    for _, descriptor in proto_services():
        yield from policy.read(descriptor).methods.values()


RPCS = {f"{rpc.service.rpartition('.')[2]}/{rpc.name}": rpc for rpc in _rpcs()}


def _expected(rule: str | frozenset[str]) -> set[str]:
    """Who gets through. Users' and services' tokens are verified apart: each rpc knows one of the kinds."""
    if isinstance(rule, frozenset):
        return set(rule)
    people = {ANYONE: {"nobody", "customer", "staff"}, SIGNED_IN: {"customer", "staff"}, STAFF: {"staff"}}
    return people[rule]


class _Nothing:
    """A call without metadata."""

    def invocation_metadata(self) -> tuple[()]:
        return ()


async def _let_through(rpc: MethodPolicyView) -> set[str]:
    async def reached(_: Exchange) -> bytes:
        return b""

    step = access.check(rpc, reached)
    through = set()
    for name, caller in CALLERS.items():
        exchange = Exchange(b"", cast(Context, _Nothing()))
        exchange.caller = caller
        if isinstance(caller, Service) and rpc.access is not Access.INTERNAL:
            continue  # its token is no user's: refused before, see tests/integration/chassis/rpc/test_access.py
        try:
            await step(exchange)
        except (Unauthenticated, PermissionDenied):
            continue
        through.add(name)
    return through


def _mutants(rpc: MethodPolicyView) -> Iterator[MethodPolicyView]:
    for changed in Access:
        callers = SERVICES[:1] if changed is Access.INTERNAL else ()
        if changed is not rpc.access:
            yield replace(rpc, access=changed, callers=callers)
    if rpc.access is Access.INTERNAL:
        for name in SERVICES:
            yield replace(rpc, callers=tuple({*rpc.callers} ^ {name}))


def test_every_rpc_has_its_line() -> None:
    assert set(RPCS) == set(TABLE)


@pytest.mark.parametrize("name", sorted(TABLE))
async def test_only_who_may_call_gets_through(name: str) -> None:
    assert await _let_through(RPCS[name]) == _expected(TABLE[name])


@pytest.mark.parametrize("name", sorted(TABLE))
async def test_every_mistake_in_an_access_rule_is_noticed(name: str) -> None:
    mutants: list[Any] = list(_mutants(RPCS[name]))
    seen = await asyncio.gather(*(_let_through(mutant) for mutant in mutants))
    assert len(mutants) >= 3
    assert all(through != _expected(TABLE[name]) for through in seen)
