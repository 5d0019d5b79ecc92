"""`argosy orders rebuild`: compares the order lists with the order history and repairs them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status

from cli import output
from cli.databases import OrderDocuments, documents
from cli.environment import settings_of
from services.chassis.plain import clock
from services.order.adapters.commits import MongoCommits
from services.order.adapters.leases import Leases
from services.order.adapters.missing_orders import temporary_missing_orders
from services.order.adapters.read_side import MongoReadSide
from services.order.adapters.read_side_repair import MongoReadSideRepair
from services.order.adapters.schema import Schema
from services.order.use_cases.rebuild_read_side import (
    Difference,
    Found,
    RebuildReadSide,
    RebuildReadSideHandler,
)

app = typer.Typer(help="Compare the order lists with the order history, and repair them.", no_args_is_help=True)


@app.callback()
def _orders() -> None:
    """Keeps this a group of commands, although it has only one."""


@app.command()
def rebuild(
    check: Annotated[bool, typer.Option("--check", help="Change nothing. Exit with 1 if something differs.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """Rebuild the read side (the order lists) from the order events. Each difference is printed on a line.

    The system may run meanwhile: recent changes are left to it, and newer data is never replaced. List entries without
    any event are removed. Orders whose history cannot be read are named and left unchanged (exit code 1).

    For example: argosy orders rebuild --check
    """
    settings = settings_of("order", OrderDocuments)
    run = _Run(mend=not check, as_json=as_json)
    asyncio.run(run.go(settings))
    if run.differ if check else run.left:
        raise typer.Exit(1)


@dataclass
class _Run:
    """One run of the command, and its counts so far."""

    mend: bool
    as_json: bool
    compared: int = 0
    differ: int = 0
    left: int = 0
    _progress: Status = field(default_factory=lambda: Console(stderr=True).status("0 orders compared"))

    async def go(self, settings: OrderDocuments) -> None:
        """Compare everything, and repair the differences unless only checking."""
        async with _rebuilding(settings, mend=self.mend) as rebuild_read_side:
            try:
                self._show_progress()
                async for difference in rebuild_read_side(RebuildReadSide(mend=self.mend), self._count):
                    self._progress.stop()  # the progress line and stdout would mix
                    self._tell(difference)
                    self._show_progress()
            finally:
                self._progress.stop()
        self._sum_up()

    def _show_progress(self) -> None:
        if sys.stderr.isatty():
            self._progress.start()

    def _count(self, orders: int) -> None:
        self.compared += orders
        self._progress.update(f"{self.compared:,} orders compared, {self.differ:,} differ")

    def _tell(self, difference: Difference) -> None:
        mended = self.mend and difference.found is not Found.UNREADABLE
        self.differ += 1
        self.left += not mended
        fields = " ".join(difference.fields)
        output.say(
            f"{difference.order_id}  {difference.found:<10}  {fields}".rstrip(),
            as_json=self.as_json,
            orderId=difference.order_id,
            found=str(difference.found),
            fields=list(difference.fields),
            mended=mended,
        )

    def _sum_up(self) -> None:
        done = f", {self.differ - self.left:,} put right" if self.mend else ""
        output.say(
            f"{self.compared:,} orders compared: {self.differ:,} differ{done}.",
            as_json=self.as_json,
            compared=self.compared,
            differ=self.differ,
            mended=self.differ - self.left,
        )


@asynccontextmanager
async def _rebuilding(settings: OrderDocuments, *, mend: bool) -> AsyncIterator[RebuildReadSideHandler]:
    async with documents(settings) as mongo:
        commits, read_side = MongoCommits(mongo), MongoReadSide(mongo)
        if mend:
            await Schema(commits, read_side, Leases(mongo)).start()
        repair = MongoReadSideRepair(mongo, read_side)
        yield RebuildReadSideHandler(commits, read_side, repair, temporary_missing_orders, clock.now)
