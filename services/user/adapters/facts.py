"""Encodes the service's facts as events."""

from __future__ import annotations

from typing import assert_never

from google.protobuf.message import Message

from argosy.event.v1 import user_events_pb2
from services.chassis.data.postgres_work import Outgoing
from services.user.domain import facts
from services.user.domain.facts import Fact


def encode(fact: Fact) -> Outgoing:
    """Encode a fact as an event. The events of one account keep their order."""
    user_id = str(fact.account_id)
    return Outgoing(_event(fact, user_id), key=user_id, subject=user_id)


def _event(fact: Fact, user_id: str) -> Message:
    match fact:
        case facts.UserCreated(_, person, verification_id):
            return user_events_pb2.UserCreated(
                user_id=user_id, email=person.email, name=person.full_name, verification_id=str(verification_id)
            )
        case facts.UserLoggedIn(_, session_id, client_app):
            return user_events_pb2.UserLogin(user_id=user_id, session_id=str(session_id), client_app=client_app)
        case facts.UserUpdated(_, person, verification_id, email_verified):
            return user_events_pb2.UserUpdated(
                user_id=user_id,
                email=person.email,
                name=person.full_name,
                verification_id=str(verification_id or ""),
                email_verified=email_verified,
            )
        case facts.UserDeleted():
            return user_events_pb2.UserDeleted(user_id=user_id)
        case facts.SessionRevoked(_, session_id):
            return user_events_pb2.SessionRevoked(user_id=user_id, session_id=str(session_id))
        case facts.PasswordResetRequested(_, reset_id):
            return user_events_pb2.PasswordResetRequested(user_id=user_id, reset_id=str(reset_id))
        case facts.EmailVerificationRequested(_, verification_id):
            return user_events_pb2.EmailVerificationRequested(user_id=user_id, verification_id=str(verification_id))
        case facts.EmailChangeRequested(_, undo_id):
            return user_events_pb2.EmailChangeRequested(user_id=user_id, undo_id=str(undo_id))
    assert_never(fact)
