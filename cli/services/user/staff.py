"""`argosy staff grant|revoke EMAIL`: grants and revokes the role staff."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cli import audit, output
from cli.databases import database
from cli.environment import settings_of
from services.user.adapters.unit_of_work import postgres_work
from services.user.domain.accounts import NoSuchUser
from services.user.settings import UserSettings
from services.user.use_cases.change_staff import ChangeStaff, ChangeStaffHandler, StaffChange

app = typer.Typer(help="Grant and revoke the role staff.", no_args_is_help=True)

Email = Annotated[str, typer.Argument(help="The email address of the account. Upper and lower case are equal.")]


@app.command()
def grant(email: Email, as_json: output.AsJson = False) -> None:
    """Grant the role staff to an account, from its next sign-in on.

    Open sessions keep their roles, because the roles are in the token.

    For example: argosy staff grant ada@example.com
    """
    change = _change(email, staff=True)
    outcome = "is staff from the next sign-in on" if change.changed else "is already staff"
    _say(email, change, f"{email} {outcome}.", staff=True, as_json=as_json)


@app.command()
def revoke(email: Email, as_json: output.AsJson = False) -> None:
    """Revoke the role staff and end all sessions of the account, within seconds.

    For example: argosy staff revoke ada@example.com
    """
    change = _change(email, staff=False)
    sessions = "1 session" if change.sessions_ended == 1 else f"{change.sessions_ended} sessions"
    outcome = f"is no longer staff; signed out of {sessions}" if change.changed else "was not staff"
    _say(email, change, f"{email} {outcome}.", staff=False, as_json=as_json)


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
        return await ChangeStaffHandler(postgres_work(postgres, settings.idempotency_secret))(command)
