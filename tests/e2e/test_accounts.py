"""Accounts over REST: each row of the interface as its intended caller and as a wrong one."""

from __future__ import annotations

import re
import uuid
from typing import Any

import httpx
import jwt
import pytest

from tests.support.real_stack import RealStack
from tests.support.shop import Customer, Json, Shop, answered, refusal, until

PROFILE = {
    "avatarUrl": "https://a.example/a.png",
    "bio": "words",
    "preferences": {"theme": "dark"},
    "phone": "+1 555 0100",
    "dateOfBirth": "1990-02-28",
}


def refused(answer: httpx.Response) -> tuple[int, str]:
    found = refusal(answer)
    return found.status, found.reason


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


async def me(person: Customer) -> Json:
    return await person.get("/users/me")


async def calls_of(stack: RealStack, app: str) -> float:
    """How many calls of GetUser the user service counts for a client app."""
    async with httpx.AsyncClient() as http:
        metrics = (await http.get(f"{stack.admin_url('user')}/metrics")).text
    pattern = rf'argosy_calls_total{{client_app="{app}",code="OK",rpc="/argosy.user.v1.UserService/GetUser"}} (\S+)'
    found = re.search(pattern, metrics)
    return float(found[1]) if found else 0.0


async def test_patch_changes_what_is_present_and_put_replaces_the_profile(shop: Shop) -> None:
    person = await shop.register()
    patched = answered(await person.call("PATCH", "/users/me", {"firstName": "Augusta", "profile": PROFILE}), 200)
    assert (patched["firstName"], patched["lastName"]) == ("Augusta", "Tour")
    assert {name: patched["profile"][name] for name in PROFILE} == PROFILE
    again = answered(await person.call("PATCH", f"/users/{person.id}", {"profile": {"bio": ""}}), 200)
    assert {name for name in PROFILE if name in again["profile"]} == PROFILE.keys() - {"bio"}
    replaced = answered(await person.call("PUT", "/users/me", {"profile": {"bio": "other words"}}), 200)
    assert {name for name in PROFILE if replaced["profile"].get(name)} == {"bio"}
    assert await me(person) == replaced


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
async def test_anothers_account_is_not_there_but_for_staff(shop: Shop, staff: Customer, method: str) -> None:
    owner, other = await shop.register(), await shop.register()
    body = {"PATCH": {"firstName": "Eve"}, "PUT": {"profile": {"bio": "Eve"}}}.get(method)
    before = await me(owner)
    assert refused(await other.call(method, f"/users/{owner.id}", body)) == (404, "USER_NOT_FOUND")
    assert refused(await other.call(method, f"/users/{uuid.uuid4()}", body)) == (404, "USER_NOT_FOUND")
    assert refused(await other.call(method, "/users/1", body)) == (400, "INVALID_ARGUMENT")
    assert refusal(await shop.call(method, f"/users/{owner.id}", body)).status == 401
    assert await me(owner) == before
    done = answered(await staff.call(method, f"/users/{owner.id}", body), 200)
    assert done["id"] == owner.id
    assert done["accountStatus"] == ("deleted" if method == "DELETE" else "active")


async def test_who_deletes_their_account_is_gone_and_the_address_is_free(shop: Shop, staff: Customer) -> None:
    person = await shop.register()
    assert answered(await person.call("DELETE", "/users/me"), 200)["accountStatus"] == "deleted"

    async def status() -> int:
        return (await person.call("GET", "/orders")).status_code

    await until(status, lambda code: code == 401, "the token is refused")
    body = {"email": person.email, "password": person.password}
    assert refused(await shop.call("POST", "/users/login", body)) == (401, "SIGN_IN_REFUSED")
    assert (await staff.get(f"/users/{person.id}"))["email"] == person.email
    assert (await shop.register(email=person.email.upper())).id != person.id


async def test_sessions_are_listed_revoked_and_left(shop: Shop) -> None:
    person = await shop.register()
    phone, other = await person.sign_in(), await shop.register()
    sessions = (await person.get("/users/me/sessions"))["sessions"]
    assert [session["current"] for session in sessions] == [False, True]
    path = f"/users/me/sessions/{sessions[0]['id']}"
    assert refused(await other.call("DELETE", path)) == (404, "SESSION_NOT_FOUND")
    assert len((await phone.get("/users/me/sessions"))["sessions"]) == 2
    answered(await person.call("DELETE", path), 200)
    assert refusal(await phone.call("GET", "/users/me")).status == 401
    answered(await person.call("POST", "/users/logout", {}), 200)
    assert refusal(await person.call("GET", "/users/me")).status == 401
    assert refusal(await shop.call("POST", "/users/logout", {})).status == 401


async def test_a_password_is_changed_by_who_knows_it(shop: Shop) -> None:
    person = await shop.register()
    elsewhere = await person.sign_in()
    wrong = {"oldPassword": "wrong horse", "newPassword": "a new horse"}
    answer = refusal(await person.call("POST", "/users/me/password", wrong))
    assert (answer.status, answer.reason, list(answer.fields)) == (400, "WRONG_PASSWORD", ["oldPassword"])
    await me(elsewhere)
    right = {"oldPassword": person.password, "newPassword": "a new horse"}
    answered(await person.call("POST", "/users/me/password", right), 200)
    assert refusal(await elsewhere.call("GET", "/users/me")).status == 401
    await me(person)
    assert (await Customer(shop, person.id, person.email, "a new horse", "").sign_in()).token


async def test_the_client_app_is_in_the_token_and_in_metrics(stack: RealStack, shop: Shop) -> None:
    person = await shop.register()
    assert claims(person.token)["azp"] == "web-app"
    body = {"email": person.email, "password": person.password}
    mobile = await shop.call("POST", "/users/login", body, headers={"X-Client-App": "mobile-app"})
    token = answered(mobile, 200)["token"]
    assert claims(token)["azp"] == "mobile-app"
    before = await calls_of(stack, "mobile-app")
    answered(await shop.call("GET", "/users/me", token=token, headers={"X-Client-App": "web-app"}), 200)
    assert await calls_of(stack, "mobile-app") == before + 1, "the token's word counts"
    count = len((await person.get("/users/me/sessions"))["sessions"])
    unknown = refusal(await shop.call("POST", "/users/login", body, headers={"X-Client-App": "television"}))
    assert (unknown.status, list(unknown.fields)) == (400, ["X-Client-App"])
    assert len((await person.get("/users/me/sessions"))["sessions"]) == count


async def test_roles_come_from_signing_in_and_from_nowhere_else(shop: Shop, staff: Customer) -> None:
    person, other = await shop.register(), await shop.register()
    assert (claims(person.token)["roles"], claims(staff.token)["roles"]) == ([], ["staff"])
    for path, body in (("/users/me", {"roles": ["staff"]}), ("/users/me", {"profile": {"roles": ["staff"]}})):
        answered(await person.call("PATCH", path, body), 200)  # fields that nobody knows are ignored
    again = await person.sign_in()
    assert claims(again.token)["roles"] == []
    for headers in ({"x-roles": "staff"}, {"x-edge-subject": other.id}):
        answer = await again.call("GET", f"/users/{other.id}", headers=headers)
        assert refused(answer) == (404, "USER_NOT_FOUND")
