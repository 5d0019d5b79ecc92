"""The life of a PaymentIntent: hypothesis tries sequences of actions, a model has the expected result."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stripe_sandbox import intents
from stripe_sandbox.intents import PaymentIntent, Status, Step, UnexpectedState, next_step
from stripe_sandbox.methods import GENERIC, TOKENS, Authentication, Card

FINAL = (Status.SUCCEEDED, Status.CANCELED)


def intent_in(status: Status) -> PaymentIntent:
    return PaymentIntent(
        id="pi_1",
        created=1,
        status=status,
        amount=100,
        currency="usd",
        client_secret="pi_1_secret_2",
        capture_method="automatic",
        automatic_payment_methods=None,
        metadata={},
        payment_method="pm_1",
        challenge="c" if status is Status.REQUIRES_ACTION else None,
    )


class IntentLife(RuleBasedStateMachine):
    """Whatever is tried, in whatever order: refused without a trace, or one allowed step."""

    def __init__(self) -> None:
        super().__init__()
        self.intent = intent_in(Status.REQUIRES_CONFIRMATION)
        self.successes = 0
        self.ended: Status | None = None

    def _confirmable(self) -> bool:
        try:
            intents.require_confirmable(self.intent)
        except UnexpectedState:
            return False
        return True

    @rule(token=st.sampled_from(sorted(TOKENS)), off_session=st.booleans(), may_challenge=st.booleans())
    def confirm(self, token: str, off_session: bool, may_challenge: bool) -> None:
        if not self._confirmable():
            return
        self.intent = intents.chosen(self.intent, "pm_2")
        step = next_step(TOKENS[token], authenticated=False, off_session=off_session, may_challenge=may_challenge)
        self._take(step)

    @precondition(lambda self: self.intent.challenge is not None)
    @rule(card=st.sampled_from([card for card in TOKENS.values() if card.authentication is not Authentication.NEVER]))
    def approve(self, card: Card) -> None:
        self._take(next_step(card, authenticated=True, off_session=False, may_challenge=True))

    @precondition(lambda self: self.intent.challenge is not None)
    @rule()
    def fail_the_challenge(self) -> None:
        self.intent = intents.failed(self.intent, None, {"type": "invalid_request_error"})

    @precondition(lambda self: self.intent.status is Status.PROCESSING)
    @rule(accepted=st.booleans())
    def finish_processing(self, accepted: bool) -> None:
        self._take(Step.CHARGE if accepted else Step.DECLINE)

    @rule()
    def cancel(self) -> None:
        before = self.intent
        try:
            self.intent = intents.canceled(before, "abandoned", 7)
        except UnexpectedState:
            assert before.status in (*FINAL, Status.PROCESSING)
            assert self.intent is before
        else:
            self.ended = Status.CANCELED

    def _take(self, step: Step) -> None:
        if step is Step.CHALLENGE:
            self.intent = intents.challenged(self.intent, "challenge")
        elif step is Step.PROCESS:
            self.intent = intents.processing(self.intent, "ch_1")
        elif step is Step.CHARGE:
            self.intent = intents.succeeded(self.intent, "ch_1")
            self.successes += 1
            self.ended = Status.SUCCEEDED
        else:
            self.intent = intents.failed(self.intent, "ch_1", {"type": "card_error"})

    @invariant()
    def never_pays_twice(self) -> None:
        assert self.successes <= 1

    @invariant()
    def stays_where_it_ended(self) -> None:
        if self.ended is not None:
            assert self.intent.status is self.ended

    @invariant()
    def has_a_challenge_only_while_it_waits_for_one(self) -> None:
        assert (self.intent.challenge is not None) == (self.intent.status is Status.REQUIRES_ACTION)

    @invariant()
    def has_an_error_only_after_a_failure(self) -> None:
        if self.intent.status in (Status.SUCCEEDED, Status.PROCESSING, Status.REQUIRES_ACTION):
            assert self.intent.last_payment_error is None


TestIntentLife = IntentLife.TestCase
TestIntentLife.settings = settings(deadline=None)


@pytest.mark.parametrize("status", [Status.PROCESSING, Status.SUCCEEDED, Status.CANCELED])
def test_no_attempt_begins_once_money_moves_or_all_is_over(status: Status) -> None:
    with pytest.raises(UnexpectedState):
        intents.require_confirmable(intent_in(status))


def test_a_second_success_is_impossible() -> None:
    with pytest.raises(UnexpectedState):
        intents.succeeded(intent_in(Status.SUCCEEDED), "ch_2")


def test_cancelling_keeps_the_reason_and_the_time() -> None:
    canceled = intents.canceled(intent_in(Status.REQUIRES_ACTION), "abandoned", 7)
    assert (canceled.status, canceled.cancellation_reason, canceled.canceled_at) == (Status.CANCELED, "abandoned", 7)


def test_a_failure_without_a_charge_keeps_the_last_one() -> None:
    failed = intents.failed(intent_in(Status.REQUIRES_CONFIRMATION), "ch_1", {})
    again = intents.failed(intents.challenged(failed, "c"), None, {})
    assert again.latest_charge == "ch_1"
    assert again.payment_method is None


@pytest.mark.parametrize(
    ("card", "off_session", "may_challenge", "step"),
    [
        (Card("visa", "1"), False, True, Step.CHARGE),
        (Card("visa", "1"), True, True, Step.CHARGE),
        (Card("visa", "1", decline=GENERIC), False, True, Step.DECLINE),
        (Card("visa", "1", asynchronous=True), False, True, Step.PROCESS),
        (Card("visa", "1", authentication=Authentication.ALWAYS), False, True, Step.CHALLENGE),
        (Card("visa", "1", authentication=Authentication.ALWAYS), True, True, Step.REFUSE_UNAUTHENTICATED),
        (Card("visa", "1", authentication=Authentication.ALWAYS), False, False, Step.REFUSE_UNAUTHENTICATED),
        (Card("visa", "1", authentication=Authentication.ALWAYS, decline=GENERIC), False, True, Step.CHALLENGE),
        (Card("visa", "1", authentication=Authentication.ON_SESSION), False, True, Step.CHALLENGE),
        (Card("visa", "1", authentication=Authentication.ON_SESSION), True, True, Step.CHARGE),
    ],
)
def test_what_an_attempt_leads_to(card: Card, off_session: bool, may_challenge: bool, step: Step) -> None:
    assert next_step(card, authenticated=False, off_session=off_session, may_challenge=may_challenge) is step


def test_after_authentication_the_issuer_decides() -> None:
    asks = Card("visa", "1", authentication=Authentication.ALWAYS)
    declines = Card("visa", "1", authentication=Authentication.ALWAYS, decline=GENERIC)
    assert next_step(asks, authenticated=True, off_session=False, may_challenge=True) is Step.CHARGE
    assert next_step(declines, authenticated=True, off_session=False, may_challenge=True) is Step.DECLINE
