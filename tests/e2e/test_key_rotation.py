"""Token keys rotate, and nobody is signed out: every token is good at the edge and in every service, throughout."""

from __future__ import annotations

from typing import Any

import jwt

from tests.support.argosy import argosy
from tests.support.real_stack import RealStack
from tests.support.shop import Customer, Shop, answered, until

EVERYWHERE = ("/users/me", "/orders", "/notifications")


def signed_by(person: Customer) -> str:
    return str(jwt.get_unverified_header(person.token)["kid"])


async def public_keys(shop: Shop) -> set[str]:
    answer: dict[str, Any] = answered(await shop.http.get("/.well-known/jwks.json"), 200)
    return {key["kid"] for key in answer["keys"]}


async def good_everywhere(person: Customer) -> None:
    for path in EVERYWHERE:
        answered(await person.call("GET", path), 200)


async def test_a_new_key_takes_over_and_every_token_stays_good(stack: RealStack, shop: Shop) -> None:
    early = await shop.register()
    old = signed_by(early)
    (rotated,) = (await argosy("keys", "rotate", "--json", environment=stack.stack.environment)).rows
    new = rotated["key"]

    async def keys() -> set[str]:
        await good_everywhere(early)
        return await public_keys(shop)

    await until(keys, lambda kids: {old, new} <= kids, "both keys are public")

    async def sign_in() -> Customer:
        await good_everywhere(early)
        return await early.sign_in()

    late = await until(sign_in, lambda person: signed_by(person) == new, "the new key signs")
    for person in (early, late):
        await good_everywhere(person)
    assert {old, new} <= await public_keys(shop)

    refused = await argosy("keys", "retire", old, environment=stack.stack.environment)
    assert refused.code == 1
    assert old in await public_keys(shop)
    await good_everywhere(early)
