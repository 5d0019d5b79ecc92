"""People of the staff, made so as `argosy staff grant` does it."""

from __future__ import annotations

from pydantic import SecretStr

from services.chassis.data.postgres import Postgres
from services.user.adapters.unit_of_work import postgres_work
from services.user.use_cases.change_staff import ChangeStaff, ChangeStaffHandler
from tests.support.real_stack import RealStack


async def make_staff(stack: RealStack, email: str) -> None:
    """Grant the role to whom the address belongs; they have it from their next sign-in on."""
    postgres = Postgres(stack.postgres_url("user"), "test", size=1)
    await postgres.start()
    try:
        await ChangeStaffHandler(postgres_work(postgres, SecretStr("not used here")))(
            ChangeStaff(email, staff=True, operator="test")
        )
    finally:
        await postgres.stop()
