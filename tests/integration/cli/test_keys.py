"""`argosy keys` on a directory of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from services.chassis.plain import clock
from services.user.adapters.signing_keys import KeyFiles
from tests.support.argosy import Answered, argosy


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Three keys: one long spent, one that signed until a moment ago, one that signs."""
    for age in (timedelta(days=90), timedelta(days=60), timedelta(hours=1)):
        KeyFiles(tmp_path).add(clock.now() - age)
    return tmp_path


@pytest.fixture
def environment(directory: Path) -> Mapping[str, str]:
    return {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9", "TOKEN_KEYS_DIR": str(directory)}


async def standings(*arguments: str, environment: Mapping[str, str]) -> dict[str, str]:
    answer: Answered = await argosy("keys", "list", *arguments, "--json", environment=environment)
    return {row["key"]: row["standing"] for row in answer.rows}


async def test_keys_are_listed_rotated_and_retired(environment: Mapping[str, str]) -> None:
    spent, verifying, signing = before = await standings(environment=environment)
    assert list(before.values()) == ["spent", "verifying", "signing"]
    rotated = await argosy("keys", "rotate", "--json", environment=environment)
    (row,) = rotated.rows
    assert (row["standing"], row["made"]) == ("waiting", True)
    audit = json.loads(rotated.err.splitlines()[-1])
    assert (audit["event"], audit["kid"]) == ("token_key_added", row["key"])
    again = await argosy("keys", "rotate", environment=environment)
    assert f"{row['key']} is there and waits; it signs from {row['signsFrom']} on." in again.out
    assert (await argosy("keys", "retire", spent, environment=environment)).out == f"{spent} was deleted.\n"
    left = {verifying: "verifying", signing: "signing", row["key"]: "waiting"}
    assert await standings(environment=environment) == left
    for needed in left:
        answer = await argosy("keys", "retire", needed, environment=environment)
        assert (answer.code, answer.out) == (1, "")
        assert answer.err.startswith(f"argosy: the key {needed} is needed until")
    assert await standings(environment=environment) == left
    assert "PRIVATE" not in rotated.out + rotated.err + again.out


async def test_a_copy_of_a_clusters_keys_will_do(directory: Path) -> None:
    assert len(await standings("--directory", str(directory), environment={})) == 3
