"""`argosy new service|rpc|event`, `argosy remove service`: code of this repository, written and taken out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli import output
from scaffold import finish, removal, service
from scaffold.finish import Unfinished
from scaffold.names import BadName

ROOT = Path(__file__).resolve().parent.parent

new = typer.Typer(help="Write a new service, rpc or event into this checkout.", no_args_is_help=True)
remove = typer.Typer(help="Take a service out of this checkout.", no_args_is_help=True)


@new.command("service")
def new_service(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One word of small letters, such as shipping.")],
    store: Annotated[str, typer.Option("--store", help="postgres, mongo or none.")] = "postgres",
    consumes: Annotated[
        list[str] | None, typer.Option("--consumes", metavar="EVENT|TOPIC", help="An event, or all of a topic.")
    ] = None,
    publishes: Annotated[
        list[str] | None, typer.Option("--publishes", metavar="EVENT", help="A new event, such as SHIPMENT_CREATED.")
    ] = None,
    noun: Annotated[
        str | None, typer.Option("--noun", help="What it keeps, in the singular; else guessed from its events.")
    ] = None,
) -> None:
    """Write a service with a store, one public rpc and its tests. It passes `make check` as it is.

    For example: argosy new service shipping --consumes ORDER_STATUS_UPDATED --publishes SHIPMENT_CREATED
    """
    try:
        asked = service.asked(ROOT, name, store, noun, consumes or (), publishes or (), datetime.now(UTC))
        written = service.write(ROOT, asked)
        finish.finish(ROOT, written)
    except (BadName, Unfinished) as error:
        output.refuse(str(error))
    _report(written, f"services/{name} is there. `make check`, then `make up`.")


@remove.command("service")
def remove_service(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A service that no other needs.")],
) -> None:
    """Take a service out with its protos, tests and commands, and list what still names it.

    For example: argosy remove service notification
    """
    try:
        removed = removal.remove(ROOT, name)
        finish.finish(ROOT, removed.changed)
    except (BadName, Unfinished) as error:
        output.refuse(str(error))
    console = output.people()
    console.print(f"{len(removed.deleted)} files of {name} are gone. Changed: {_listed(removed.changed)}.")
    left = removal.mentions(ROOT, name)
    if left:
        console.print("Left to decide, these still have its name:")
    for path, count in left.items():
        console.print(f"  {path} ({count})")


def _listed(paths: Sequence[Path]) -> str:
    return ", ".join(map(str, paths)) or "nothing else"


def _report(written: Sequence[Path], done: str) -> None:
    console = output.people()
    for path in sorted(written):
        console.print(str(path))
    left = finish.undecided(ROOT, written)
    console.print(f"\n{done}")
    if left:
        console.print("Left to decide:")
    for line in left:
        console.print(f"  {line}")
