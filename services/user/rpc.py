"""UserService: proto ↔ command."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from pydantic import SecretStr

from argosy.user.v1 import user_pb2
from services.chassis.call import Call
from services.chassis.idempotency import fingerprint
from services.chassis.ids import parse_id
from services.user import messages
from services.user.sessions import Client
from services.user.use_cases.get_user import GetUser, GetUserHandler
from services.user.use_cases.log_in import LogIn, LogInHandler
from services.user.use_cases.register import Register, RegisterHandler

_ME = "me"
_LONGEST_USER_AGENT = 500


class UserRpc:
    """What the edge and the services call."""

    def __init__(
        self, register: RegisterHandler, log_in: LogInHandler, get_user: GetUserHandler, idempotency_secret: SecretStr
    ) -> None:
        self._register = register
        self._log_in = log_in
        self._get_user = get_user
        self._secret = idempotency_secret

    async def Register(self, request: user_pb2.RegisterRequest, call: Call) -> user_pb2.RegisterResponse:
        """See the contract."""
        account, session = await self._register(
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
        account, session = await self._log_in(LogIn(request.email, request.password, _client(call)))
        return user_pb2.LoginResponse(token=session.token, user=messages.summary(account))

    async def GetUser(self, request: user_pb2.GetUserRequest, call: Call) -> user_pb2.User:
        """See the contract."""
        caller = call.user()
        reader = parse_id(caller.id)
        wanted = reader if request.id == _ME else parse_id(request.id)
        return messages.user(await self._get_user(GetUser(reader, caller.is_staff, wanted)))


def _client(call: Call) -> Client:
    user_agent = str(call.metadata.get("user-agent", ""))[:_LONGEST_USER_AGENT]
    return Client(call.client_app, _address(call.client_address), user_agent)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:  # a peer without one, such as a socket in the file system
        return None
