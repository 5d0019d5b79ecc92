"""Assembles the command `argosy` from its groups."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from cli.dlq import app as dlq
from cli.environment import NoSystem, in_a_checkout
from cli.reconcile import reconcile
from cli.services import groups
from cli.story.command import story
from cli.tail import tail
from cli.top import top
from cli.trace import trace
from cli.version import VERSION

app = typer.Typer(
    name="argosy",
    help="Operate a running Argosy: on a laptop the stack that `make up` started, in a pod the service of the pod.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals may hold secrets
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(reconcile)
app.command()(story)
app.command()(tail)
app.command()(top)
app.command()(trace)
app.add_typer(dlq, name="dlq")
for _name, _group in groups():
    app.add_typer(_group, name=_name)
if in_a_checkout():
    from cli.new import new, remove

    app.add_typer(new, name="new")
    app.add_typer(remove, name="remove")


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"argosy {VERSION}")
        raise typer.Exit


@app.callback()
def _argosy(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of the group itself."""


def main() -> None:
    """Run the command line. A usage error prints one line and exits with code 2."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # commands report its errors themselves, in one line
    try:
        app(prog_name="argosy")
    except NoSystem as mistake:
        sys.stderr.write(f"argosy: {mistake}\n")
        raise SystemExit(2) from None
