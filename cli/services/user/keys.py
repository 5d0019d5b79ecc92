"""`argosy keys list|rotate|retire`: the signing keys of user tokens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from cli import audit, output
from cli.environment import settings_of
from services.chassis.plain import clock
from services.chassis.process.settings import load
from services.user.adapters.signing_keys import KeyFiles
from services.user.domain.signing_keys import BadKeys, KeyStanding
from services.user.settings import KeySettings
from services.user.use_cases.list_keys import ListKeys, ListKeysHandler
from services.user.use_cases.retire_key import KeyStillNeeded, NoSuchKey, RetireKey, RetireKeyHandler
from services.user.use_cases.rotate_keys import RotateKeys, RotateKeysHandler

app = typer.Typer(help="List, rotate and retire the keys that sign user tokens.", no_args_is_help=True)

_COLUMNS = ("key", "standing", "publicSince", "signsFrom", "neededUntil")

Directory = Annotated[
    Path | None,
    typer.Option(help="Use another directory, such as a copy of a cluster's secret.", exists=True),
]


@app.command("list")
def list_keys(directory: Directory = None, as_json: output.AsJson = False) -> None:
    """List all keys, oldest first: waiting, signing, verifying (its tokens may still be valid) or spent.

    For example: argosy keys list
    """
    with _errors_reported():
        standings = ListKeysHandler(*_keys(directory))(ListKeys(clock.now()))
    output.show(map(_row, standings), _COLUMNS, as_json=as_json, empty="")


@app.command()
def rotate(directory: Directory = None, as_json: output.AsJson = False) -> None:
    """Create a new key. Nobody is signed out: it signs once all verifiers have it; tokens of the old key stay valid.

    If a new key is already waiting, no other key is created. For example: argosy keys rotate && argosy keys list
    """
    audit.begin()
    with _errors_reported():
        key, made = RotateKeysHandler(*_keys(directory))(RotateKeys(clock.now(), audit.operator()))
    state = f"{key.kid} is made" if made else f"{key.kid} is there and waits"
    output.say(f"{state}; it signs from {_text(key.signs_from)} on.", as_json=as_json, **_row(key), made=made)


@app.command()
def retire(
    key: Annotated[str, typer.Argument(help="The id of the key, as in the list.")],
    directory: Directory = None,
    as_json: output.AsJson = False,
) -> None:
    """Delete a spent key. A key whose tokens may still be valid is not deleted: that would sign people out.

    For example: argosy keys retire 20260301T120000Z-1f2e3d4c
    """
    audit.begin()
    with _errors_reported():
        RetireKeyHandler(*_keys(directory))(RetireKey(key, clock.now(), audit.operator()))
    output.say(f"{key} was deleted.", as_json=as_json, key=key)


def _keys(directory: Path | None) -> tuple[KeyFiles, timedelta]:
    """The key files, and how long a new key is published before it signs."""
    if directory is None:
        settings = settings_of("user", KeySettings)
    else:
        os.environ["TOKEN_KEYS_DIR"] = str(directory)
        settings = load(KeySettings)
    return KeyFiles(settings.token_keys_dir), settings.token_key_settle


@contextmanager
def _errors_reported() -> Iterator[None]:
    try:
        yield
    except KeyStillNeeded as error:
        until = _text(error.until) or "a newer one has taken over and its tokens have expired"
        output.refuse(f"{error} until {until}")
    except (BadKeys, NoSuchKey) as error:
        output.refuse(str(error))
    except OSError as error:
        output.refuse(
            f"{error.filename or 'the key directory'}: {error.strerror}. If a secret provides it,"
            " change a copy (--directory) and update the secret from it"
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
