"""`argosy new service|rpc|event`, `argosy remove service`: code of this repository, written and taken out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli import output
from scaffold import event, finish, removal, rpc, service
from scaffold.edits import Edits, NoPlace
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


@new.command("rpc")
def new_rpc(
    service_name: Annotated[str, typer.Argument(metavar="SERVICE", help="A service that there is.")],
    name: Annotated[str, typer.Argument(metavar="RPC", help="A verb and what it is about, such as CancelShipment.")],
) -> None:
    """Write a public rpc about one thing that a service keeps, for its owner: contract, use case, wiring, tests.

    Get…, Check… and Find… read; any other verb changes, and may be repeated.

    For example: argosy new rpc shipping CancelShipment
    """
    _edit(lambda: rpc.write(ROOT, service_name, name), f"{name} is there. `make check`, then `make up`.")


@new.command("event")
def new_event(
    service_name: Annotated[str, typer.Argument(metavar="SERVICE", help="A service that publishes already.")],
    event_type: Annotated[str, typer.Argument(metavar="EVENT", help="What happened, such as SHIPMENT_CANCELLED.")],
) -> None:
    """Write an event that a service publishes: its message, its fact and how the one becomes the other.

    For example: argosy new event shipping SHIPMENT_CANCELLED
    """
    done = f"{event_type} is there: a use case publishes its fact by `await unit.publish(…)`."
    _edit(lambda: event.publish(ROOT, service_name, event_type), done)


@new.command("consumer")
def new_consumer(
    service_name: Annotated[str, typer.Argument(metavar="SERVICE", help="A service that consumes already.")],
    event_type: Annotated[str, typer.Argument(metavar="EVENT", help="An event of another service.")],
) -> None:
    """Write a use case that applies another service's event, and have the service's consumer hand it over.

    For example: argosy new consumer shipping PAYMENT_REFUNDED
    """
    done = f"{service_name} consumes {event_type}. Of a topic that is new to its group it reads what SINCE says."
    _edit(lambda: event.consume(ROOT, service_name, event_type), done)


def _edit(plan: Callable[[], Edits], done: str) -> None:
    try:
        written = plan().write()
        finish.finish(ROOT, written)
    except (BadName, NoPlace, Unfinished) as error:
        output.refuse(str(error))
    _report(written, done)


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
        unused = finish.unused(ROOT)
        removal.drop_dependencies(ROOT, unused)
    except (BadName, Unfinished) as error:
        output.refuse(str(error))
    console = output.people()
    console.print(f"{len(removed.deleted)} files of {name} are gone. Changed: {_listed(removed.changed)}.")
    if unused:
        console.print(f"Nothing uses {', '.join(unused)} any more: `make lock` takes it out of the locks, too.")
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
