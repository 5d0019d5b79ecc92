"""Converts requests to commands and results to protobuf. No decisions."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from uuid import UUID

from google.protobuf.message import Message
from pydantic import SecretStr

from argosy.user.v1 import mail_token_pb2, user_pb2
from services.chassis.data import paging
from services.chassis.data.idempotency import fingerprint
from services.chassis.plain import clock
from services.chassis.plain.ids import parse_id
from services.chassis.plain.unit_of_work import Repeatable
from services.chassis.rpc.call import Call
from services.user.domain.profiles import Profile
from services.user.domain.sessions import Client
from services.user.entrypoints import browser_sessions, mapping
from services.user.ports import DeviceTokens
from services.user.use_cases.ask_for_reset import AskForReset, AskForResetHandler
from services.user.use_cases.ask_for_verification import AskForVerification, AskForVerificationHandler
from services.user.use_cases.change_password import ChangePassword, ChangePasswordHandler
from services.user.use_cases.change_user import ChangeUser, ChangeUserHandler
from services.user.use_cases.delete_user import DeleteUser, DeleteUserHandler
from services.user.use_cases.end_session import EndSession, EndSessionHandler
from services.user.use_cases.get_user import GetUser, GetUserHandler
from services.user.use_cases.list_sessions import ListSessions, ListSessionsHandler
from services.user.use_cases.log_in import LogIn, LogInHandler
from services.user.use_cases.mint_mail_token import MintMailToken, MintMailTokenHandler
from services.user.use_cases.register import Register, RegisterHandler
from services.user.use_cases.reset_password import ResetPassword, ResetPasswordHandler
from services.user.use_cases.search_users import SearchUsers, SearchUsersHandler
from services.user.use_cases.suspend_user import SuspendUser, SuspendUserHandler
from services.user.use_cases.undo_email_change import UndoEmailChange, UndoEmailChangeHandler
from services.user.use_cases.verify_email import VerifyEmail, VerifyEmailHandler

_ME = "me"
_LONGEST_USER_AGENT = 500


@dataclass(frozen=True)
class UserRpc:
    """argosy.user.v1.UserService."""

    register: RegisterHandler
    log_in: LogInHandler
    get_user: GetUserHandler
    change_user: ChangeUserHandler
    delete_user: DeleteUserHandler
    change_password: ChangePasswordHandler
    end_session: EndSessionHandler
    list_sessions: ListSessionsHandler
    ask_for_reset: AskForResetHandler
    reset_password: ResetPasswordHandler
    ask_for_verification: AskForVerificationHandler
    verify_email: VerifyEmailHandler
    search_users: SearchUsersHandler
    suspend_user: SuspendUserHandler
    undo_email_change: UndoEmailChangeHandler
    devices: DeviceTokens
    idempotency_secret: SecretStr

    async def Register(self, request: user_pb2.RegisterRequest, call: Call) -> user_pb2.RegisterResponse:
        """Creates an account and signs its owner in."""
        account, session = await self.register(
            Register(
                email=request.email,
                password=request.password,
                first_name=request.first_name,
                last_name=request.last_name,
                client=_client(call),
                request=self._repeatable(request, call),
            )
        )
        device_token = self.devices.new(account.id)
        response = user_pb2.RegisterResponse(
            user=mapping.summary(account), token=session.token, device_token=device_token
        )
        return browser_sessions.begin(response, call)

    async def Login(self, request: user_pb2.LoginRequest, call: Call) -> user_pb2.LoginResponse:
        """Signs a user in."""
        command = LogIn(request.email, request.password, _client(call), request.device_token)
        account, session = await self.log_in(command)
        device_token = self.devices.new(account.id)
        response = user_pb2.LoginResponse(token=session.token, user=mapping.summary(account), device_token=device_token)
        return browser_sessions.begin(response, call)

    async def GetUser(self, request: user_pb2.GetUserRequest, call: Call) -> user_pb2.User:
        """An account."""
        reader = parse_id(call.user().id)
        command = GetUser(reader, call.user().is_staff, _wanted(request.id, reader))
        return mapping.user(await self.get_user(command))

    async def UpdateUser(self, request: user_pb2.UpdateUserRequest, call: Call) -> user_pb2.User:
        """Changes the fields that are present."""
        return await self._change(request, call, mapping.present(request.profile, _today()))

    async def ReplaceUser(self, request: user_pb2.ReplaceUserRequest, call: Call) -> user_pb2.User:
        """Changes the fields that are present, and replaces the whole profile."""
        empty = asdict(Profile())
        return await self._change(request, call, {**empty, **mapping.present(request.profile, _today())})

    async def DeleteUser(self, request: user_pb2.DeleteUserRequest, call: Call) -> user_pb2.User:
        """Deletes an account."""
        caller = parse_id(call.user().id)
        deleted = await self.delete_user(DeleteUser(caller, call.user().is_staff, _wanted(request.id, caller)))
        return mapping.user(deleted)

    async def SearchUsers(self, request: user_pb2.SearchUsersRequest, call: Call) -> user_pb2.SearchUsersResponse:
        """A page of the accounts that staff look for."""
        command = SearchUsers(
            staff_id=parse_id(call.user().id),
            email=request.email,
            email_prefix=request.email_prefix,
            after=_last_of(request.page_token),
            size=paging.page_size(request.page_size),
        )
        accounts, last = await self.search_users(command)
        return user_pb2.SearchUsersResponse(
            users=map(mapping.found_user, accounts), next_page_token=paging.encode_page_token(str(last)) if last else ""
        )

    async def SuspendUser(self, request: user_pb2.SuspendUserRequest, call: Call) -> user_pb2.User:
        """Suspends an account."""
        command = SuspendUser(parse_id(call.user().id), parse_id(request.id), suspend=True)
        return mapping.user(await self.suspend_user(command))

    async def ReinstateUser(self, request: user_pb2.ReinstateUserRequest, call: Call) -> user_pb2.User:
        """Reinstates an account."""
        command = SuspendUser(parse_id(call.user().id), parse_id(request.id), suspend=False)
        return mapping.user(await self.suspend_user(command))

    async def ChangePassword(
        self, request: user_pb2.ChangePasswordRequest, call: Call
    ) -> user_pb2.ChangePasswordResponse:
        """Changes the password of an account."""
        caller = call.user()
        await self.change_password(
            ChangePassword(parse_id(caller.id), parse_id(caller.session_id), request.old_password, request.new_password)
        )
        return user_pb2.ChangePasswordResponse()

    async def RequestPasswordReset(
        self, request: user_pb2.RequestPasswordResetRequest, call: Call
    ) -> user_pb2.RequestPasswordResetResponse:
        """Requests a mail that resets the password."""
        await self.ask_for_reset(AskForReset(request.email, _address(call.client_address)))
        return user_pb2.RequestPasswordResetResponse()

    async def ConfirmPasswordReset(
        self, request: user_pb2.ConfirmPasswordResetRequest, call: Call
    ) -> user_pb2.ConfirmPasswordResetResponse:
        """Resets the password with a mailed token."""
        command = ResetPassword(request.token, request.new_password, _address(call.client_address))
        await self.reset_password(command)
        return user_pb2.ConfirmPasswordResetResponse()

    async def RequestEmailVerification(
        self, request: user_pb2.RequestEmailVerificationRequest, call: Call
    ) -> user_pb2.RequestEmailVerificationResponse:
        """Requests another mail that verifies the address."""
        command = AskForVerification(parse_id(call.user().id), _address(call.client_address))
        await self.ask_for_verification(command)
        return user_pb2.RequestEmailVerificationResponse()

    async def VerifyEmail(self, request: user_pb2.VerifyEmailRequest, call: Call) -> user_pb2.VerifyEmailResponse:
        """Verifies the address with a mailed token."""
        await self.verify_email(VerifyEmail(request.token))
        return user_pb2.VerifyEmailResponse()

    async def UndoEmailChange(
        self, request: user_pb2.UndoEmailChangeRequest, call: Call
    ) -> user_pb2.UndoEmailChangeResponse:
        """Undoes a change of the address with a mailed token."""
        await self.undo_email_change(UndoEmailChange(request.token))
        return user_pb2.UndoEmailChangeResponse()

    async def Logout(self, request: user_pb2.LogoutRequest, call: Call) -> user_pb2.LogoutResponse:
        """Ends the session of the call."""
        await self.end_session(EndSession(parse_id(call.user().id), parse_id(call.user().session_id)))
        browser_sessions.end(call)
        return user_pb2.LogoutResponse()

    async def ListSessions(self, request: user_pb2.ListSessionsRequest, call: Call) -> user_pb2.ListSessionsResponse:
        """A page of the caller's open sessions, newest first."""
        caller = call.user()
        command = ListSessions(parse_id(caller.id), _last_of(request.page_token), paging.page_size(request.page_size))
        sessions, last = await self.list_sessions(command)
        own = parse_id(caller.session_id)
        return user_pb2.ListSessionsResponse(
            sessions=[mapping.session(session, own) for session in sessions],
            next_page_token=paging.encode_page_token(str(last)) if last else "",
        )

    async def RevokeSession(self, request: user_pb2.RevokeSessionRequest, call: Call) -> user_pb2.RevokeSessionResponse:
        """Ends a session of the caller."""
        await self.end_session(EndSession(parse_id(call.user().id), parse_id(request.id)))
        return user_pb2.RevokeSessionResponse()

    def _repeatable(self, request: Message, call: Call) -> Repeatable:
        return Repeatable(call.idempotency_key, fingerprint(self.idempotency_secret, request, leave_out=("password",)))

    async def _change(
        self, request: user_pb2.UpdateUserRequest | user_pb2.ReplaceUserRequest, call: Call, profile: dict[str, Any]
    ) -> user_pb2.User:
        caller = parse_id(call.user().id)
        command = ChangeUser(
            caller=caller,
            caller_is_staff=call.user().is_staff,
            session_id=parse_id(call.user().session_id),
            client_address=_address(call.client_address),
            account_id=_wanted(request.id, caller),
            changes=mapping.changes(request, profile),
            current_password=request.current_password,
        )
        return mapping.user(await self.change_user(command))


@dataclass(frozen=True)
class MailTokenRpc:
    """argosy.user.v1.MailTokenService."""

    mint_mail_token: MintMailTokenHandler

    async def MintMailToken(self, request: mail_token_pb2.MintMailTokenRequest, call: Call) -> mail_token_pb2.MailToken:
        """Creates the token of a mail that is about to be sent."""
        minted = await self.mint_mail_token(MintMailToken(parse_id(request.request_id)))
        return mapping.mail_token_message(minted)


def _today() -> date:
    return clock.now().date()


def _wanted(user_id: str, caller: UUID) -> UUID:
    return caller if user_id == _ME else parse_id(user_id)


def _last_of(page_token: str) -> UUID | None:
    key = paging.decode_page_token(page_token, parts=1)
    try:
        return parse_id(key[0]) if key else None
    except ValueError:
        raise paging.bad_page_token() from None


def _client(call: Call) -> Client:
    user_agent = str(call.metadata.get("user-agent", ""))[:_LONGEST_USER_AGENT]
    return Client(call.client_app, _address(call.client_address), user_agent)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:  # a peer without an IP address, such as a Unix socket
        return None
