"""`argosy reconcile`: what the services' background reconciliation compares, compared now and as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Annotated
from uuid import UUID

import typer

from cli import audit, output
from cli.environment import in_a_service
from cli.services import comparisons
from services.chassis.plain.comparison import Comparison, Finding, examine, examine_all

_COLUMNS = ("kind", "subject", "ours", "theirs", "repair", "result")
_BATCH = 100
COMPARED = comparisons()
"""The services that compare, each with what opens its stores."""


def reconcile(
    order: Annotated[UUID | None, typer.Option("--order", help="Compare what belongs to this order alone.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing.")] = False,
    of: Annotated[
        list[str] | None,
        typer.Option("--of", help="Compare what this service keeps, such as the one whose pod this is."),
    ] = None,
    as_json: output.AsJson = False,
) -> None:
    """Compare payments, ledger, Stripe, stock, orders, lists and mails, and repair what is safe to repair.

    Nothing is charged. The services do the same in the background, a little every minute. What has just changed is
    not compared.
    Exit code 1: something is left, for a person or for a run without --dry-run.

    For example: argosy reconcile --dry-run
    """
    unknown = sorted(set(of or ()) - set(COMPARED))
    if unknown:
        output.refuse(f"--of takes {', '.join(COMPARED)}, not {', '.join(unknown)}")
    if in_a_service() and not of:
        output.refuse(f"say whose pod this is: --of {' | '.join(COMPARED)}")
    if not dry_run:
        audit.begin()
    found = asyncio.run(findings(of or COMPARED, order, mend=not dry_run))
    output.show((_row(one, dry_run=dry_run) for one in found), _COLUMNS, as_json=as_json, empty="Nothing differs.")
    if any(not one.mended for one in found):
        raise typer.Exit(1)


async def findings(services: Iterable[str], order_id: UUID | None, *, mend: bool) -> list[Finding]:
    """What differs in these services, of one order or of all. Raises NoSystem if a store is unreachable."""
    found = []
    for service in services:
        async with COMPARED[service]() as comparisons:
            for comparison in comparisons:
                found += [one async for one in _examined(comparison, order_id, mend=mend)]
    return found


async def _examined(comparison: Comparison, order_id: UUID | None, *, mend: bool) -> AsyncIterator[Finding]:
    if order_id is not None:
        for finding in await examine(comparison, await comparison.of_order(order_id), mend=mend):
            yield finding
        return
    async for finding in examine_all(comparison, limit=_BATCH, mend=mend):
        yield finding


def _row(finding: Finding, *, dry_run: bool) -> output.Row:
    drift = finding.drift
    would = "would be repaired" if dry_run and drift.repair else "left"
    return {
        "kind": drift.kind,
        "subject": drift.subject,
        "ours": drift.ours,
        "theirs": drift.theirs,
        "repair": drift.repair,
        "result": "repaired" if finding.mended else would,
    }
