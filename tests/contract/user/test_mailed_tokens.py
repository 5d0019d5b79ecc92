"""RequestPasswordReset, ConfirmPasswordReset, RequestEmailVerification, VerifyEmail, MintMailToken."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import asyncpg
import grpc
import pytest

from argosy.user.v1 import mail_token_pb2, mail_token_pb2_grpc, user_pb2, user_pb2_grpc
from facts.system import system
from tests.contract.support import (
    PASSWORD,
    Metadata,
    SignedIn,
    bad_tokens,
    bearer,
    fields,
    new_email,
    refused,
    retry_after,
    service_token,
)
from tests.support.real_stack import RealStack
from tests.support.shop import until

Stub = user_pb2_grpc.UserServiceStub
MintStub = mail_token_pb2_grpc.MailTokenServiceStub
NEW = "another correct horse"


@pytest.fixture
async def mint(stack: RealStack) -> AsyncIterator[MintStub]:
    async with grpc.aio.insecure_channel(stack.grpc_target("user")) as channel:
        yield MintStub(channel)


@pytest.fixture
def notification(stack: RealStack) -> Metadata:
    """What the notification service's calls carry."""
    return bearer(service_token(stack, "notification"))


async def requests(stack: RealStack, person: SignedIn, purpose: str) -> list[str]:
    """The ids of what may be mailed to a person for that purpose."""
    connection = await asyncpg.connect(stack.postgres_url("user"))
    try:
        rows = await connection.fetch(
            "SELECT id FROM mail_requests WHERE user_id = $1 AND purpose = $2 AND NOT settled",
            uuid.UUID(person.id),
            purpose,
        )
        return [str(row["id"]) for row in rows]
    finally:
        await connection.close()


async def request_of(stack: RealStack, person: SignedIn, purpose: str) -> mail_token_pb2.MintMailTokenRequest:
    (found,) = await until(lambda: requests(stack, person, purpose), bool, f"a request for {purpose}")
    return mail_token_pb2.MintMailTokenRequest(request_id=found)


async def tokens_of(stack: RealStack, request: mail_token_pb2.MintMailTokenRequest) -> int:
    connection = await asyncpg.connect(stack.postgres_url("user"))
    try:
        count: int = await connection.fetchval(
            "SELECT count(*) FROM mailed_tokens WHERE request_id = $1", uuid.UUID(request.request_id)
        )
        return count
    finally:
        await connection.close()


async def test_a_forgotten_password_is_replaced(
    users: Stub, mint: MintStub, stack: RealStack, somebody: SignedIn, notification: Metadata
) -> None:
    await users.RequestPasswordReset(user_pb2.RequestPasswordResetRequest(email=somebody.email.lower()))
    request = await request_of(stack, somebody, "password_reset")
    minted = await mint.MintMailToken(request, metadata=notification)
    assert (minted.email, minted.name) == (somebody.email, "")  # it is not verified
    confirm = user_pb2.ConfirmPasswordResetRequest(token=minted.token, new_password=NEW)
    await users.ConfirmPasswordReset(confirm)
    login = user_pb2.LoginRequest(email=somebody.email, password=PASSWORD)
    assert (await refused(users.Login(login))).reason == "SIGN_IN_REFUSED"
    answer = await users.Login(user_pb2.LoginRequest(email=somebody.email, password=NEW))
    me = await users.GetUser(user_pb2.GetUserRequest(id="me"), metadata=bearer(answer.token))
    assert me.email_verified
    old = await refused(users.GetUser(user_pb2.GetUserRequest(id="me"), metadata=somebody.metadata))
    assert old.code is grpc.StatusCode.UNAUTHENTICATED
    again = await refused(users.ConfirmPasswordReset(confirm))
    assert (again.code, again.reason, fields(again)) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "MAIL_TOKEN_NOT_GOOD",
        ["token"],
    )
    void = await refused(mint.MintMailToken(request, metadata=notification))
    assert (void.code, void.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "MAIL_REQUEST_VOID")


async def test_an_unknown_address_is_answered_alike(users: Stub, stack: RealStack, somebody: SignedIn) -> None:
    answers = [
        await users.RequestPasswordReset(user_pb2.RequestPasswordResetRequest(email=email))
        for email in (somebody.email, new_email())
    ]
    assert answers[0] == answers[1]
    await request_of(stack, somebody, "password_reset")  # what comes of it happens in no other test


async def test_too_many_mails_are_refused_whoever_has_the_address(users: Stub) -> None:
    request = user_pb2.RequestPasswordResetRequest(email=new_email())
    for _ in range(5):
        await users.RequestPasswordReset(request)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await users.RequestPasswordReset(request)
    refusal = await refused(users.RequestPasswordReset(request))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_MAILS")
    assert retry_after(error.value) is not None


async def test_an_address_is_verified(
    users: Stub, mint: MintStub, stack: RealStack, somebody: SignedIn, notification: Metadata
) -> None:
    async def verified() -> bool:
        answer = await users.GetUser(user_pb2.GetUserRequest(id="me"), metadata=somebody.metadata)
        return bool(answer.email_verified)

    first = await request_of(stack, somebody, "email_verification")
    again = user_pb2.RequestEmailVerificationRequest()
    await users.RequestEmailVerification(again, metadata=somebody.metadata)
    assert (await refused(mint.MintMailToken(first, metadata=notification))).reason == "MAIL_REQUEST_VOID"
    request = await request_of(stack, somebody, "email_verification")
    token = (await mint.MintMailToken(request, metadata=notification)).token
    assert not await verified()
    await users.VerifyEmail(user_pb2.VerifyEmailRequest(token=token))
    assert await verified()
    done = await refused(users.RequestEmailVerification(again, metadata=somebody.metadata))
    assert (done.code, done.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EMAIL_VERIFIED")


async def test_a_change_of_the_address_is_undone_by_the_old_one(
    users: Stub, mint: MintStub, stack: RealStack, somebody: SignedIn, notification: Metadata
) -> None:
    email = new_email()
    change = user_pb2.UpdateUserRequest(id="me", email=email, current_password=PASSWORD)
    await users.UpdateUser(change, metadata=somebody.metadata)
    verify = await mint.MintMailToken(await request_of(stack, somebody, "email_verification"), metadata=notification)
    undo = await mint.MintMailToken(await request_of(stack, somebody, "email_change"), metadata=notification)
    assert (verify.email, undo.email) == (email, somebody.email)
    await users.VerifyEmail(user_pb2.VerifyEmailRequest(token=verify.token))
    me = await users.GetUser(user_pb2.GetUserRequest(id="me"), metadata=somebody.metadata)
    assert (me.email, me.email_verified, me.HasField("pending_email")) == (email, True, False)
    await users.UndoEmailChange(user_pb2.UndoEmailChangeRequest(token=undo.token))
    for address in (email, somebody.email):  # the password that changed the address is of no use any more
        refusal = await refused(users.Login(user_pb2.LoginRequest(email=address, password=PASSWORD)))
        assert refusal.reason == "SIGN_IN_REFUSED"
    reset = await mint.MintMailToken(await request_of(stack, somebody, "password_reset"), metadata=notification)
    assert reset.email == somebody.email
    confirm = user_pb2.ConfirmPasswordResetRequest(token=reset.token, new_password=NEW)
    await users.ConfirmPasswordReset(confirm)
    await users.Login(user_pb2.LoginRequest(email=somebody.email, password=NEW))


@pytest.mark.usefixtures("unchanged")
async def test_only_the_notification_service_is_given_tokens(
    mint: MintStub, stack: RealStack, ada: SignedIn, notification: Metadata
) -> None:
    request = await request_of(stack, ada, "email_verification")
    # The welcome mail's own token; from then on the service has no reason to make one.
    await until(lambda: tokens_of(stack, request), bool, "the welcome mail")
    before = await tokens_of(stack, request)
    callers: dict[str, Metadata] = {"nobody": (), "the person": ada.metadata}
    callers |= {name: bearer(service_token(stack, name)) for name in sorted({*system().names} - {"notification"})}
    callers |= {what: bearer(token) for what, token in bad_tokens(stack, ada.id).items()}
    callers["expired"] = bearer(service_token(stack, "notification", exp=1))
    for who, metadata in callers.items():
        refusal = await refused(mint.MintMailToken(request, metadata=metadata))
        assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), who
    assert await tokens_of(stack, request) == before
    unknown = mail_token_pb2.MintMailTokenRequest(request_id=str(uuid.uuid4()))
    refusal = await refused(mint.MintMailToken(unknown, metadata=notification))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, "MAIL_REQUEST_NOT_FOUND")


@pytest.mark.usefixtures("unchanged")
async def test_who_is_not_signed_in_asks_for_no_verification(users: Stub, stack: RealStack, ada: SignedIn) -> None:
    tokens = {"none": (), **{what: bearer(token) for what, token in bad_tokens(stack, ada.id).items()}}
    for what, metadata in tokens.items():
        request = user_pb2.RequestEmailVerificationRequest()
        refusal = await refused(users.RequestEmailVerification(request, metadata=metadata))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"), what


@pytest.mark.usefixtures("unchanged")
async def test_a_service_uses_no_public_rpc(users: Stub, notification: Metadata, ada: SignedIn) -> None:
    calls = (
        users.RequestPasswordReset(user_pb2.RequestPasswordResetRequest(email=ada.email), metadata=notification),
        users.ConfirmPasswordReset(
            user_pb2.ConfirmPasswordResetRequest(token="t", new_password=NEW), metadata=notification
        ),
        users.RequestEmailVerification(user_pb2.RequestEmailVerificationRequest(), metadata=notification),
        users.VerifyEmail(user_pb2.VerifyEmailRequest(token="t"), metadata=notification),
        users.UndoEmailChange(user_pb2.UndoEmailChangeRequest(token="t"), metadata=notification),
    )
    for call in calls:
        refusal = await refused(call)
        assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)


@pytest.mark.usefixtures("unchanged")
async def test_bad_input_is_refused_by_name(users: Stub, mint: MintStub, notification: Metadata) -> None:
    confirm, reset = user_pb2.ConfirmPasswordResetRequest, user_pb2.RequestPasswordResetRequest
    calls = [
        (users.RequestPasswordReset(reset()), "email"),
        (users.RequestPasswordReset(reset(email="ada")), "email"),
        (users.RequestPasswordReset(reset(email="ada@example.com ")), "email"),
        (users.RequestPasswordReset(reset(email=f"{'a' * 250}@example.com")), "email"),
        (users.ConfirmPasswordReset(confirm(new_password=NEW)), "token"),
        (users.ConfirmPasswordReset(confirm(token="x" * 101, new_password=NEW)), "token"),
        (users.ConfirmPasswordReset(confirm(token="guess", new_password=NEW)), "token"),
        (users.ConfirmPasswordReset(confirm(token="guess")), "newPassword"),
        (users.ConfirmPasswordReset(confirm(token="guess", new_password="short")), "newPassword"),
        (users.ConfirmPasswordReset(confirm(token="guess", new_password="ü" * 37)), "newPassword"),
        (users.VerifyEmail(user_pb2.VerifyEmailRequest()), "token"),
        (users.VerifyEmail(user_pb2.VerifyEmailRequest(token="guess")), "token"),
        (users.UndoEmailChange(user_pb2.UndoEmailChangeRequest()), "token"),
        (users.UndoEmailChange(user_pb2.UndoEmailChangeRequest(token="guess")), "token"),
        (mint.MintMailToken(mail_token_pb2.MintMailTokenRequest(request_id="1"), metadata=notification), "requestId"),
    ]
    for call, field in calls:
        refusal = await refused(call)
        assert (refusal.code, fields(refusal)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
