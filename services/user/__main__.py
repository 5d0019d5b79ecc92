"""Runs the user service: `python -m services.user`. With `migrate` it only brings the schema up to date."""

from __future__ import annotations

import sys
from pathlib import Path

from argosy.user.v1 import mail_token_pb2, user_pb2
from services.chassis import clock
from services.chassis.app import App
from services.chassis.housekeeping import Housekeeping
from services.chassis.migrations import migrate_or_exit
from services.chassis.postgres import Postgres
from services.chassis.postgres_outbox import PostgresOutbox
from services.chassis.producer import Producer
from services.chassis.relay import Relay
from services.chassis.settings import load
from services.chassis.statuses import Catalogue
from services.user.chores import CHORES
from services.user.failures import SignInFailures
from services.user.faults import FAULTS
from services.user.jwks_endpoint import PATH, jwks_endpoint
from services.user.mail_limits import MailLimits
from services.user.mail_token_rpc import MailTokenRpc
from services.user.passwords import Passwords
from services.user.rpc import UseCases, UserRpc
from services.user.sessions import SessionOpener
from services.user.settings import UserSettings
from services.user.signing_keys import KeyRing
from services.user.use_cases.ask_for_reset import AskForResetHandler
from services.user.use_cases.ask_for_verification import AskForVerificationHandler
from services.user.use_cases.change_password import ChangePasswordHandler
from services.user.use_cases.change_user import ChangeUserHandler
from services.user.use_cases.delete_user import DeleteUserHandler
from services.user.use_cases.end_session import EndSessionHandler
from services.user.use_cases.get_user import GetUserHandler
from services.user.use_cases.grant_resets import GrantResets
from services.user.use_cases.list_sessions import ListSessionsHandler
from services.user.use_cases.log_in import LogInHandler
from services.user.use_cases.mint_mail_token import MintMailTokenHandler
from services.user.use_cases.register import RegisterHandler
from services.user.use_cases.reset_password import ResetPasswordHandler
from services.user.use_cases.suspend_user import SuspendUserHandler
from services.user.use_cases.verify_email import VerifyEmailHandler

MIGRATIONS = Path(__file__).parent / "migrations"


def run(settings: UserSettings) -> None:
    """Wire the service and serve until a signal."""
    keys = KeyRing(settings.token_keys_dir, settings.token_key_settle)
    app = App("user", settings, user_keys=keys)
    app.add(keys)
    postgres = app.add(Postgres(settings.database_url, app.name, MIGRATIONS if settings.migrate_at_start else None))
    producer = app.add(Producer(settings.brokers, app.name), required=False)
    passwords = Passwords(settings.password_hash_threads, settings.password_hash_queue)
    sessions = SessionOpener(keys, clock.now)
    sign_in_failures = SignInFailures(postgres, settings.idempotency_secret)
    limits = MailLimits(settings.idempotency_secret)
    use_cases = UseCases(
        register=RegisterHandler(postgres, passwords, sessions),
        log_in=LogInHandler(postgres, passwords, sessions, sign_in_failures),
        get_user=GetUserHandler(postgres),
        change_user=ChangeUserHandler(postgres),
        delete_user=DeleteUserHandler(postgres, app.revocations),
        change_password=ChangePasswordHandler(postgres, passwords, app.revocations),
        end_session=EndSessionHandler(postgres, app.revocations),
        list_sessions=ListSessionsHandler(postgres),
        ask_for_reset=AskForResetHandler(postgres, limits),
        reset_password=ResetPasswordHandler(postgres, passwords, sign_in_failures, app.revocations),
        ask_for_verification=AskForVerificationHandler(postgres, limits),
        verify_email=VerifyEmailHandler(postgres),
        suspend_user=SuspendUserHandler(postgres, app.revocations),
    )
    rpc = UserRpc(use_cases, settings.idempotency_secret)
    app.serve(user_pb2.DESCRIPTOR.services_by_name["UserService"], rpc)
    mail_tokens = MailTokenRpc(MintMailTokenHandler(postgres))
    app.serve(mail_token_pb2.DESCRIPTOR.services_by_name["MailTokenService"], mail_tokens)
    app.admin_route(PATH, jwks_endpoint(keys))
    app.background("relay", Relay(PostgresOutbox(postgres, app.name).lease, producer).run)
    app.background("housekeeping", Housekeeping(postgres, *CHORES).run)
    app.background("resets", GrantResets(postgres).run)
    app.background("token-keys", keys.watch)
    app.run(Catalogue(FAULTS))


if __name__ == "__main__":
    configured = load(UserSettings)
    if sys.argv[1:] == ["migrate"]:
        migrate_or_exit(configured.database_url.get_secret_value(), MIGRATIONS)
    else:
        run(configured)
