"""The user service's use cases on a database of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

import services.user
from services.chassis.data import postgres as chassis_postgres
from services.chassis.data.postgres import Postgres
from services.chassis.plain import clock
from services.chassis.rpc.revocations import Revocations
from services.user.adapters import passwords
from services.user.adapters.device_tokens import SignedDeviceTokens
from services.user.adapters.revocations import ChassisRevocations
from services.user.adapters.session_tokens import JwtSessionOpener
from services.user.adapters.signing_keys import KeyRing
from services.user.adapters.unit_of_work import postgres_work
from services.user.entrypoints.mapping import KEPT_ANSWERS
from services.user.use_cases.ask_for_reset import AskForResetHandler
from services.user.use_cases.ask_for_verification import AskForVerificationHandler
from services.user.use_cases.change_password import ChangePasswordHandler
from services.user.use_cases.change_user import ChangeUserHandler
from services.user.use_cases.delete_user import DeleteUserHandler
from services.user.use_cases.end_session import EndSessionHandler
from services.user.use_cases.grant_resets import GrantResetsHandler
from services.user.use_cases.guesses import Guesses
from services.user.use_cases.log_in import LogInHandler
from services.user.use_cases.mint_mail_token import MintMailTokenHandler
from services.user.use_cases.register import RegisterHandler
from services.user.use_cases.reset_password import ResetPasswordHandler
from services.user.use_cases.undo_email_change import UndoEmailChangeHandler
from services.user.use_cases.verify_email import VerifyEmailHandler
from tests.integration.user.support import SECRET, TABLES, Accounts, Mailed, Watched

MIGRATIONS = Path(services.user.__file__).parent / "migrations"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine, nobody is turned away for having waited long: that is tested with the passwords."""
    monkeypatch.setattr(passwords, "PATIENCE_SECONDS", 300.0)
    monkeypatch.setattr(chassis_postgres, "CONNECT_SECONDS", 60.0)


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[Postgres]:
    """The service's schema, empty."""
    opened = Postgres(postgres_url, "user-test", MIGRATIONS)
    await opened.start()
    await opened.execute(f"TRUNCATE sign_in_failures, mail_asks, reset_wishes, {', '.join(TABLES)} CASCADE")
    yield opened
    await opened.stop()


@pytest.fixture
async def accounts(postgres: Postgres, tmp_path: Path) -> Accounts:
    """The use cases on that database."""
    keys = KeyRing(tmp_path, timedelta(minutes=15))
    await keys.start()
    asked: list[str] = []
    work = postgres_work(postgres, SecretStr(SECRET), KEPT_ANSWERS)
    watched, sessions = Watched(asked), JwtSessionOpener(keys, clock.now)
    guesses, devices = Guesses(work, watched), SignedDeviceTokens(SecretStr(SECRET), clock.now)
    known = Revocations("127.0.0.1:1", 0)  # never started: what this replica ends by itself
    revocations = ChassisRevocations(known)
    return Accounts(
        postgres,
        work,
        RegisterHandler(work, watched, sessions),
        LogInHandler(work, guesses, sessions, devices),
        EndSessionHandler(work, revocations),
        ChangeUserHandler(work, guesses),
        DeleteUserHandler(work, revocations),
        ChangePasswordHandler(work, watched, guesses, revocations),
        Mailed(
            AskForResetHandler(work),
            GrantResetsHandler(work),
            MintMailTokenHandler(work),
            ResetPasswordHandler(work, watched, revocations),
            AskForVerificationHandler(work),
            VerifyEmailHandler(work),
            UndoEmailChangeHandler(work, watched, revocations),
        ),
        known,
        asked,
    )
