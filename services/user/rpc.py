"""UserService: proto ↔ command."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from argosy.user.v1 import user_pb2
from services.chassis import clock, paging
from services.chassis.call import Call
from services.chassis.idempotency import fingerprint
from services.chassis.ids import parse_id
from services.user import messages
from services.user.domain import Changes, Profile
from services.user.sessions import Client
from services.user.use_cases.ask_for_reset import AskForReset, AskForResetHandler
from services.user.use_cases.ask_for_verification import AskForVerification, AskForVerificationHandler
from services.user.use_cases.change_password import ChangePassword, ChangePasswordHandler
from services.user.use_cases.change_user import ChangeUser, ChangeUserHandler
from services.user.use_cases.delete_user import DeleteUser, DeleteUserHandler
from services.user.use_cases.end_session import EndSession, EndSessionHandler
from services.user.use_cases.get_user import GetUser, GetUserHandler
from services.user.use_cases.list_sessions import ListSessionsHandler
from services.user.use_cases.log_in import LogIn, LogInHandler
from services.user.use_cases.register import Register, RegisterHandler
from services.user.use_cases.reset_password import ResetPassword, ResetPasswordHandler
from services.user.use_cases.suspend_user import SuspendUser, SuspendUserHandler
from services.user.use_cases.verify_email import VerifyEmailHandler

_ME = "me"
_LONGEST_USER_AGENT = 500


@dataclass(frozen=True)
class UseCases:
    """What can be done."""

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
    suspend_user: SuspendUserHandler


class UserRpc:
    """What the edge and the services call."""

    def __init__(self, use_cases: UseCases, idempotency_secret: SecretStr) -> None:
        self._do = use_cases
        self._secret = idempotency_secret

    async def Register(self, request: user_pb2.RegisterRequest, call: Call) -> user_pb2.RegisterResponse:
        """See the contract."""
        account, session = await self._do.register(
            Register(
                email=request.email,
                password=request.password,
                first_name=request.first_name,
                last_name=request.last_name,
                client=_client(call),
                idempotency_key=call.idempotency_key,
                fingerprint=fingerprint(self._secret, request, leave_out=("password",)),
            )
        )
        return user_pb2.RegisterResponse(user=account, token=session.token)

    async def Login(self, request: user_pb2.LoginRequest, call: Call) -> user_pb2.LoginResponse:
        """See the contract."""
        account, session = await self._do.log_in(LogIn(request.email, request.password, _client(call)))
        return user_pb2.LoginResponse(token=session.token, user=messages.summary(account))

    async def GetUser(self, request: user_pb2.GetUserRequest, call: Call) -> user_pb2.User:
        """See the contract."""
        reader = parse_id(call.user().id)
        query = GetUser(reader, call.user().is_staff, _wanted(request.id, reader))
        return messages.user(await self._do.get_user(query))

    async def UpdateUser(self, request: user_pb2.UpdateUserRequest, call: Call) -> user_pb2.User:
        """See the contract."""
        return await self._change(request, call, messages.present(request.profile, _today()))

    async def ReplaceUser(self, request: user_pb2.ReplaceUserRequest, call: Call) -> user_pb2.User:
        """See the contract."""
        empty = asdict(Profile())
        return await self._change(request, call, {**empty, **messages.present(request.profile, _today())})

    async def DeleteUser(self, request: user_pb2.DeleteUserRequest, call: Call) -> user_pb2.User:
        """See the contract."""
        caller = parse_id(call.user().id)
        deleted = await self._do.delete_user(DeleteUser(caller, call.user().is_staff, _wanted(request.id, caller)))
        return messages.user(deleted)

    async def SuspendUser(self, request: user_pb2.SuspendUserRequest, call: Call) -> user_pb2.User:
        """See the contract."""
        command = SuspendUser(parse_id(call.user().id), parse_id(request.id), suspend=True)
        return messages.user(await self._do.suspend_user(command))

    async def ReinstateUser(self, request: user_pb2.ReinstateUserRequest, call: Call) -> user_pb2.User:
        """See the contract."""
        command = SuspendUser(parse_id(call.user().id), parse_id(request.id), suspend=False)
        return messages.user(await self._do.suspend_user(command))

    async def ChangePassword(
        self, request: user_pb2.ChangePasswordRequest, call: Call
    ) -> user_pb2.ChangePasswordResponse:
        """See the contract."""
        caller = call.user()
        await self._do.change_password(
            ChangePassword(parse_id(caller.id), parse_id(caller.session_id), request.old_password, request.new_password)
        )
        return user_pb2.ChangePasswordResponse()

    async def RequestPasswordReset(
        self, request: user_pb2.RequestPasswordResetRequest, call: Call
    ) -> user_pb2.RequestPasswordResetResponse:
        """See the contract."""
        await self._do.ask_for_reset(AskForReset(request.email, _address(call.client_address)))
        return user_pb2.RequestPasswordResetResponse()

    async def ConfirmPasswordReset(
        self, request: user_pb2.ConfirmPasswordResetRequest, call: Call
    ) -> user_pb2.ConfirmPasswordResetResponse:
        """See the contract."""
        await self._do.reset_password(ResetPassword(request.token, request.new_password))
        return user_pb2.ConfirmPasswordResetResponse()

    async def RequestEmailVerification(
        self, request: user_pb2.RequestEmailVerificationRequest, call: Call
    ) -> user_pb2.RequestEmailVerificationResponse:
        """See the contract."""
        command = AskForVerification(parse_id(call.user().id), _address(call.client_address))
        await self._do.ask_for_verification(command)
        return user_pb2.RequestEmailVerificationResponse()

    async def VerifyEmail(self, request: user_pb2.VerifyEmailRequest, call: Call) -> user_pb2.VerifyEmailResponse:
        """See the contract."""
        await self._do.verify_email(request.token)
        return user_pb2.VerifyEmailResponse()

    async def Logout(self, request: user_pb2.LogoutRequest, call: Call) -> user_pb2.LogoutResponse:
        """See the contract."""
        await self._do.end_session(EndSession(parse_id(call.user().id), parse_id(call.user().session_id)))
        return user_pb2.LogoutResponse()

    async def ListSessions(self, request: user_pb2.ListSessionsRequest, call: Call) -> user_pb2.ListSessionsResponse:
        """See the contract."""
        caller = call.user()
        sessions, last = await self._do.list_sessions(
            parse_id(caller.id), _before(request.page_token), paging.page_size(request.page_size)
        )
        own = parse_id(caller.session_id)
        return user_pb2.ListSessionsResponse(
            sessions=[messages.session(session, own) for session in sessions],
            next_page_token=paging.encode_page_token(str(last)) if last else "",
        )

    async def RevokeSession(self, request: user_pb2.RevokeSessionRequest, call: Call) -> user_pb2.RevokeSessionResponse:
        """See the contract."""
        await self._do.end_session(EndSession(parse_id(call.user().id), parse_id(request.id)))
        return user_pb2.RevokeSessionResponse()

    async def _change(
        self, request: user_pb2.UpdateUserRequest | user_pb2.ReplaceUserRequest, call: Call, profile: dict[str, Any]
    ) -> user_pb2.User:
        changes = Changes(
            email=request.email if request.HasField("email") else None,
            first_name=request.first_name if request.HasField("first_name") else None,
            last_name=request.last_name if request.HasField("last_name") else None,
            profile=profile,
        )
        caller = parse_id(call.user().id)
        command = ChangeUser(caller, call.user().is_staff, _wanted(request.id, caller), changes)
        return messages.user(await self._do.change_user(command))


def _today() -> date:
    return clock.now().date()


def _wanted(user_id: str, caller: UUID) -> UUID:
    return caller if user_id == _ME else parse_id(user_id)


def _before(page_token: str) -> UUID | None:
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
    except ValueError:  # a peer without one, such as a socket in the file system
        return None
