"""The service's errors → gRPC statuses."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from grpc import StatusCode

from services.chassis.rpc.statuses import Fault
from services.user.domain.accounts import AccountDeleted, EmailTaken, NoSuchUser, OwnAccount
from services.user.domain.mail_requests import MailTokenNotGood
from services.user.domain.people import InvalidPerson
from services.user.domain.profiles import InvalidProfile
from services.user.domain.sessions import NoSuchSession
from services.user.ports import TooManySignIns
from services.user.use_cases.ask_for_verification import EmailVerified
from services.user.use_cases.change_password import WrongPassword
from services.user.use_cases.count_mail import TooManyMails
from services.user.use_cases.guesses import TooManyFailures
from services.user.use_cases.log_in import AccountSuspended, SignInRefused
from services.user.use_cases.mint_mail_token import MailRequestVoid, NoSuchMailRequest

STATUSES: Mapping[type[Exception], Fault] = MappingProxyType(
    {
        InvalidPerson: Fault(StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
        InvalidProfile: Fault(StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
        WrongPassword: Fault(StatusCode.INVALID_ARGUMENT, "WRONG_PASSWORD"),
        MailTokenNotGood: Fault(StatusCode.INVALID_ARGUMENT, "MAIL_TOKEN_NOT_GOOD"),
        EmailVerified: Fault(StatusCode.FAILED_PRECONDITION, "EMAIL_VERIFIED"),
        MailRequestVoid: Fault(StatusCode.FAILED_PRECONDITION, "MAIL_REQUEST_VOID"),
        NoSuchMailRequest: Fault(StatusCode.NOT_FOUND, "MAIL_REQUEST_NOT_FOUND"),
        TooManyMails: Fault(StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_MAILS"),
        AccountDeleted: Fault(StatusCode.FAILED_PRECONDITION, "ACCOUNT_DELETED"),
        OwnAccount: Fault(StatusCode.FAILED_PRECONDITION, "OWN_ACCOUNT"),
        AccountSuspended: Fault(StatusCode.PERMISSION_DENIED, "ACCOUNT_SUSPENDED"),
        EmailTaken: Fault(StatusCode.ALREADY_EXISTS, "EMAIL_TAKEN"),
        SignInRefused: Fault(StatusCode.UNAUTHENTICATED, "SIGN_IN_REFUSED"),
        TooManySignIns: Fault(StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_SIGN_INS"),
        TooManyFailures: Fault(StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_FAILURES"),
        NoSuchSession: Fault(StatusCode.NOT_FOUND, "SESSION_NOT_FOUND"),
        NoSuchUser: Fault(StatusCode.NOT_FOUND, "USER_NOT_FOUND"),
    }
)
