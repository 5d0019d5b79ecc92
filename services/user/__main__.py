"""Runs the user service: `python -m services.user`. With `migrate` it only updates the schema."""

from __future__ import annotations

import sys
from pathlib import Path

from argosy.user.v1 import mail_token_pb2, user_pb2
from services.chassis.app import App
from services.chassis.bus.producer import Producer
from services.chassis.bus.relay import Relay
from services.chassis.data.housekeeping import Housekeeping
from services.chassis.data.migrations import migrate_or_exit
from services.chassis.data.postgres import Postgres
from services.chassis.data.postgres_outbox import PostgresOutbox
from services.chassis.plain import clock
from services.chassis.process.settings import load
from services.chassis.rpc.statuses import Catalogue
from services.user.adapters.device_tokens import SignedDeviceTokens
from services.user.adapters.passwords import BcryptPasswords
from services.user.adapters.revocations import ChassisRevocations
from services.user.adapters.session_tokens import JwtSessionOpener
from services.user.adapters.signing_keys import KeyRing
from services.user.adapters.unit_of_work import postgres_work
from services.user.entrypoints.errors import STATUSES
from services.user.entrypoints.jwks import PATH, jwks_endpoint
from services.user.entrypoints.mapping import KEPT_ANSWERS
from services.user.entrypoints.rpc import MailTokenRpc, UserRpc
from services.user.entrypoints.workers import CHORES, key_files, resets
from services.user.settings import UserSettings
from services.user.use_cases.ask_for_reset import AskForResetHandler
from services.user.use_cases.ask_for_verification import AskForVerificationHandler
from services.user.use_cases.change_password import ChangePasswordHandler
from services.user.use_cases.change_user import ChangeUserHandler
from services.user.use_cases.delete_user import DeleteUserHandler
from services.user.use_cases.end_session import EndSessionHandler
from services.user.use_cases.get_user import GetUserHandler
from services.user.use_cases.grant_resets import GrantResetsHandler
from services.user.use_cases.guesses import Guesses
from services.user.use_cases.list_sessions import ListSessionsHandler
from services.user.use_cases.log_in import LogInHandler
from services.user.use_cases.mint_mail_token import MintMailTokenHandler
from services.user.use_cases.register import RegisterHandler
from services.user.use_cases.reset_password import ResetPasswordHandler
from services.user.use_cases.search_users import SearchUsersHandler
from services.user.use_cases.suspend_user import SuspendUserHandler
from services.user.use_cases.undo_email_change import UndoEmailChangeHandler
from services.user.use_cases.verify_email import VerifyEmailHandler

MIGRATIONS = Path(__file__).parent / "migrations"


def run(settings: UserSettings) -> None:
    """Wire the service and serve until SIGTERM or SIGINT."""
    keys = KeyRing(settings.token_keys_dir, settings.token_key_settle)
    app = App("user", settings, user_keys=keys)
    app.add(keys)
    postgres = app.add(Postgres(settings.database_url, app.name, MIGRATIONS if settings.migrate_at_start else None))
    producer = app.add(Producer(settings.brokers, app.name), required=False)
    work = postgres_work(postgres, settings.idempotency_secret, KEPT_ANSWERS)
    passwords = BcryptPasswords(settings.password_hash_threads, settings.password_hash_queue)
    guesses = Guesses(work, passwords)
    devices = SignedDeviceTokens(settings.idempotency_secret, clock.now)
    sessions = JwtSessionOpener(keys, clock.now)
    revocations = ChassisRevocations(app.revocations)
    users = UserRpc(
        register=RegisterHandler(work, passwords, sessions),
        log_in=LogInHandler(work, guesses, sessions, devices),
        get_user=GetUserHandler(work),
        change_user=ChangeUserHandler(work, guesses),
        delete_user=DeleteUserHandler(work, revocations),
        change_password=ChangePasswordHandler(work, passwords, guesses, revocations),
        end_session=EndSessionHandler(work, revocations),
        list_sessions=ListSessionsHandler(work),
        ask_for_reset=AskForResetHandler(work),
        reset_password=ResetPasswordHandler(work, passwords, revocations),
        ask_for_verification=AskForVerificationHandler(work),
        verify_email=VerifyEmailHandler(work),
        undo_email_change=UndoEmailChangeHandler(work, passwords, revocations),
        search_users=SearchUsersHandler(work),
        suspend_user=SuspendUserHandler(work, revocations),
        devices=devices,
        idempotency_secret=settings.idempotency_secret,
    )
    app.serve(user_pb2.DESCRIPTOR.services_by_name["UserService"], users)
    mail_tokens = MailTokenRpc(MintMailTokenHandler(work))
    app.serve(mail_token_pb2.DESCRIPTOR.services_by_name["MailTokenService"], mail_tokens)
    app.admin_route(PATH, jwks_endpoint(keys))
    app.background("relay", Relay(PostgresOutbox(postgres, app.name).lease, producer).run)
    app.background("housekeeping", Housekeeping(postgres, *CHORES).run)
    app.background("resets", resets(GrantResetsHandler(work)).run)
    app.background("token-keys", key_files(keys).run)
    app.run(Catalogue(STATUSES))


if __name__ == "__main__":
    configured = load(UserSettings)
    if sys.argv[1:] == ["migrate"]:
        migrate_or_exit(configured.database_url.get_secret_value(), MIGRATIONS)
    else:
        run(configured)
