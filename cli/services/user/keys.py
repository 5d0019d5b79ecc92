"""`argosy keys list|rotate|retire`: the keys that sign people's tokens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from cli import audit, output
from cli.environment import settings_of
from services.chassis import clock
from services.chassis.settings import load
from services.user.settings import KeySettings
from services.user.signing_keys import BadKeys
from services.user.use_cases.look_after_keys import KeyKeeper, KeyStanding, KeyStillNeeded, NoSuchKey

app = typer.Typer(help="The keys that sign people's tokens: see them, rotate them.", no_args_is_help=True)

_COLUMNS = ("key", "standing", "publicSince", "signsFrom", "neededUntil")

Directory = Annotated[
    Path | None,
    typer.Option(help="Another directory than the service's, such as a copy of a cluster's secret.", exists=True),
]


@app.command("list")
def list_keys(directory: Directory = None, as_json: output.AsJson = False) -> None:
    """Show all keys, oldest first: waiting, signing, verifying (tokens of its may be good) or spent.

    For example: argosy keys list
    """
    with _told():
        standings = _keeper(directory).standings(clock.now())
    output.show(map(_row, standings), _COLUMNS, as_json=as_json, empty="")


@app.command()
def rotate(directory: Directory = None, as_json: output.AsJson = False) -> None:
    """Make a new key. Nobody is signed out: it signs when everybody has it, and the old one's tokens stay good.

    Said again before that, it makes no other. For example: argosy keys rotate && argosy keys list
    """
    audit.begin()
    with _told():
        key, made = _keeper(directory).rotate(clock.now(), audit.operator())
    said = f"{key.kid} is made" if made else f"{key.kid} is there and waits"
    output.say(f"{said}; it signs from {_text(key.signs_from)} on.", as_json=as_json, **_row(key), made=made)


@app.command()
def retire(
    key: Annotated[str, typer.Argument(help="The key's id, as the list has it.")],
    directory: Directory = None,
    as_json: output.AsJson = False,
) -> None:
    """Take a spent key away. One whose tokens may be good stays: that would sign people out.

    For example: argosy keys retire 20260301T120000Z-1f2e3d4c
    """
    audit.begin()
    with _told():
        _keeper(directory).retire(key, clock.now(), audit.operator())
    output.say(f"{key} is gone.", as_json=as_json, key=key)


def _keeper(directory: Path | None) -> KeyKeeper:
    if directory is None:
        settings = settings_of("user", KeySettings)
    else:
        os.environ["TOKEN_KEYS_DIR"] = str(directory)
        settings = load(KeySettings)
    return KeyKeeper(settings.token_keys_dir, settings.token_key_settle)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (BadKeys, NoSuchKey, KeyStillNeeded) as error:
        output.refuse(str(error))
    except OSError as error:
        output.refuse(
            f"{error.filename or 'the directory of the keys'}: {error.strerror}. Where it is brought from a secret,"
            " change a copy (--directory) and bring that back"
        )


def _row(key: KeyStanding) -> output.Row:
    return {
        "key": key.kid,
        "standing": str(key.standing),
        "publicSince": _text(key.public_since),
        "signsFrom": _text(key.signs_from),
        "neededUntil": _text(key.needed_until),
    }


def _text(instant: datetime | None) -> str | None:
    return clock.to_text(instant) if instant else None
