"""The rows of the service user."""

from __future__ import annotations

import uuid

from tests.e2e.rest_rows import Ask, Scene, row
from tests.e2e.test_mailed_tokens import CHANGE, RESET, WELCOME, ask_for_reset, mails, token_in
from tests.support.shop import a_person, answered


@row("UserService.Register")
async def register(scene: Scene) -> Ask:
    return Ask(None, body=a_person())


@row("UserService.Login")
async def login(scene: Scene) -> Ask:
    return Ask(None, body={"email": scene.owner.email, "password": scene.owner.password})


@row("UserService.GetUser")
async def get_user(scene: Scene) -> Ask:
    return Ask(scene.owner, {"id": scene.owner.id}, answers={"id": scene.owner.id, "accountStatus": "active"})


@row("UserService.UpdateUser")
async def update_user(scene: Scene) -> Ask:
    return Ask(scene.owner, {"id": scene.owner.id}, {"firstName": "Augusta"}, {"firstName": "Augusta"})


@row("UserService.ReplaceUser")
async def replace_user(scene: Scene) -> Ask:
    return Ask(scene.owner, {"id": scene.owner.id}, {"profile": {"bio": "Brief"}}, {"profile": {"bio": "Brief"}})


@row("UserService.DeleteUser")
async def delete_user(scene: Scene) -> Ask:
    person = await scene.shop.register()
    return Ask(person, {"id": person.id}, answers={"accountStatus": "deleted"})


@row("UserService.SearchUsers")
async def search_users(scene: Scene) -> Ask:
    return Ask(scene.staff, body={"email": scene.owner.email}, answers={"nextPageToken": ""})


@row("UserService.SuspendUser")
async def suspend_user(scene: Scene) -> Ask:
    person = await scene.shop.register()
    return Ask(scene.staff, {"id": person.id}, {}, {"accountStatus": "suspended"})


@row("UserService.ReinstateUser")
async def reinstate_user(scene: Scene) -> Ask:
    person = await scene.shop.register()
    answered(await scene.staff.call("POST", f"/users/{person.id}:suspend", {}), 200)
    return Ask(scene.staff, {"id": person.id}, {}, {"accountStatus": "active"})


@row("UserService.ChangePassword")
async def change_password(scene: Scene) -> Ask:
    person = await scene.shop.register()
    # With somebody else's token it is a wrong old password.
    body = {"oldPassword": person.password, "newPassword": uuid.uuid4().hex}
    return Ask(person, body=body, stranger=400)


@row("UserService.RequestPasswordReset")
async def request_password_reset(scene: Scene) -> Ask:
    return Ask(None, body={"email": (await scene.shop.register()).email})


@row("UserService.ConfirmPasswordReset")
async def confirm_password_reset(scene: Scene) -> Ask:
    person = await scene.shop.register()
    await ask_for_reset(scene.shop, person.email)
    (mail,) = await mails(scene.shop, person.email, RESET, 1)
    return Ask(None, body={"token": token_in(mail, "reset-password"), "newPassword": uuid.uuid4().hex})


@row("UserService.RequestEmailVerification")
async def request_email_verification(scene: Scene) -> Ask:
    return Ask(await scene.shop.register(), body={}, stranger=None)


@row("UserService.VerifyEmail")
async def verify_email(scene: Scene) -> Ask:
    person = await scene.shop.register()
    (mail,) = await mails(scene.shop, person.email, WELCOME, 1)
    return Ask(None, body={"token": token_in(mail, "verify-email")})


@row("UserService.UndoEmailChange")
async def undo_email_change(scene: Scene) -> Ask:
    person = await scene.shop.register()
    change = {"email": f"ada.{uuid.uuid4().hex}@example.org", "currentPassword": person.password}
    answered(await person.call("PATCH", "/users/me", change), 200)
    (mail,) = await mails(scene.shop, person.email, CHANGE, 1)
    return Ask(None, body={"token": token_in(mail, "undo-email-change")})


@row("UserService.Logout")
async def logout(scene: Scene) -> Ask:
    return Ask(await scene.shop.register(), body={}, stranger=None)


@row("UserService.ListSessions")
async def list_sessions(scene: Scene) -> Ask:
    return Ask(scene.owner, {"pageSize": "1"}, stranger=None)


@row("UserService.RevokeSession")
async def revoke_session(scene: Scene) -> Ask:
    person = await scene.shop.register()
    (session,) = (await person.get("/users/me/sessions"))["sessions"]
    return Ask(await person.sign_in(), {"id": session["id"]})
