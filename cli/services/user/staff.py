"""`argosy staff grant|revoke EMAIL`: who may do what customers may not."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cli import audit, output
from cli.databases import database
from cli.environment import settings_of
from services.user.settings import UserSettings
from services.user.use_cases.change_staff import ChangeStaff, ChangeStaffHandler, StaffChange
from services.user.use_cases.get_user import NoSuchUser

app = typer.Typer(help="Make people staff, or no longer.", no_args_is_help=True)

Email = Annotated[str, typer.Argument(help="The mail address of their account, in any case.")]


@app.command()
def grant(email: Email, as_json: output.AsJson = False) -> None:
    """Make somebody with an account one of the staff, from their next sign-in on.

    Sessions that are open now stay what they are: roles are in the token that a sign-in answers with.

    For example: argosy staff grant ada@example.com
    """
    change = _change(email, staff=True)
    said = "is staff now; it takes effect when they next sign in" if change.changed else "was staff already"
    _say(email, change, f"{email} {said}.", staff=True, as_json=as_json)


@app.command()
def revoke(email: Email, as_json: output.AsJson = False) -> None:
    """Take the role away again, and sign the person out everywhere, within seconds.

    For example: argosy staff revoke ada@example.com
    """
    change = _change(email, staff=False)
    sessions = "1 session" if change.sessions_ended == 1 else f"{change.sessions_ended} sessions"
    said = f"is no longer staff; signed out of {sessions}" if change.changed else "was not staff"
    _say(email, change, f"{email} {said}.", staff=False, as_json=as_json)


def _say(email: str, change: StaffChange, text: str, *, staff: bool, as_json: bool) -> None:
    output.say(
        text,
        as_json=as_json,
        userId=str(change.account_id),
        email=email,
        staff=staff,
        changed=change.changed,
        sessionsEnded=change.sessions_ended,
    )


def _change(email: str, *, staff: bool) -> StaffChange:
    settings = settings_of("user", UserSettings)
    audit.begin()
    try:
        return asyncio.run(_ask(settings, ChangeStaff(email, staff, audit.operator())))
    except NoSuchUser:
        output.refuse(f"there is no account with the address {email}")


async def _ask(settings: UserSettings, command: ChangeStaff) -> StaffChange:
    async with database("user", settings.database_url) as postgres:
        return await ChangeStaffHandler(postgres)(command)
