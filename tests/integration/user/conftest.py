"""The user service's use cases on a database of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

import services.user
from services.chassis import clock
from services.chassis.postgres import Postgres
from services.chassis.revocations import Revocations
from services.user.failures import SignInFailures
from services.user.sessions import SessionOpener
from services.user.signing_keys import KeyRing
from services.user.use_cases.change_password import ChangePasswordHandler
from services.user.use_cases.change_user import ChangeUserHandler
from services.user.use_cases.delete_user import DeleteUserHandler
from services.user.use_cases.end_session import EndSessionHandler
from services.user.use_cases.log_in import LogInHandler
from services.user.use_cases.register import RegisterHandler
from tests.integration.user.support import SECRET, TABLES, Accounts, Watched

MIGRATIONS = Path(services.user.__file__).parent / "migrations"


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[Postgres]:
    """The service's schema, empty."""
    opened = Postgres(postgres_url, "user-test", MIGRATIONS)
    await opened.start()
    await opened.execute(f"TRUNCATE sign_in_failures, {', '.join(TABLES)}")
    yield opened
    await opened.stop()


@pytest.fixture
async def accounts(postgres: Postgres, tmp_path: Path) -> Accounts:
    """The use cases on that database."""
    keys = KeyRing(tmp_path, timedelta(minutes=15))
    await keys.start()
    asked: list[str] = []
    passwords, sessions = Watched(asked), SessionOpener(keys, clock.now)
    revocations = Revocations("127.0.0.1:1", 0)  # never started: what this replica ends by itself
    return Accounts(
        postgres,
        RegisterHandler(postgres, passwords, sessions),
        LogInHandler(postgres, passwords, sessions, SignInFailures(postgres, SecretStr(SECRET))),
        EndSessionHandler(postgres, revocations),
        ChangeUserHandler(postgres),
        DeleteUserHandler(postgres, revocations),
        ChangePasswordHandler(postgres, passwords, revocations),
        revocations,
        asked,
    )
