"""What the contract marks is hidden at any depth, and nothing else."""

from argosy.event.v1 import order_events_pb2, user_events_pb2
from argosy.user.v1 import user_pb2
from cli import redaction


def test_personal_data_is_hidden_unless_asked_for() -> None:
    event = user_events_pb2.UserCreated(user_id="u-1", email="ada@example.com", name="Ada")
    hidden = {"userId": "u-1", "email": redaction.HIDDEN, "name": redaction.HIDDEN}
    assert redaction.shown(event) == hidden
    assert redaction.shown(event, reveal=True)["email"] == "ada@example.com"


def test_what_is_inside_other_messages_is_hidden_too() -> None:
    answer = user_pb2.RegisterResponse(user=user_pb2.UserSummary(id="u-1", email="ada@example.com"), token="secret")
    assert redaction.shown(answer) == {
        "user": {"id": "u-1", "email": redaction.HIDDEN},
        "token": redaction.HIDDEN,
    }
    many = user_pb2.ListSessionsResponse(sessions=[user_pb2.Session(id="s-1", user_agent="curl")])
    assert redaction.shown(many)["sessions"] == [{"id": "s-1", "userAgent": redaction.HIDDEN}]


def test_what_is_not_marked_is_shown_whole() -> None:
    event = order_events_pb2.OrderCreated(
        order_id="o-1", items=[order_events_pb2.OrderLine(product_id="prod-123", quantity=2, price="29.99")]
    )
    assert redaction.shown(event) == {
        "orderId": "o-1",
        "items": [{"productId": "prod-123", "quantity": 2, "price": "29.99"}],
    }
