"""Whatever the provider answers, in any order and however often: the books hold, and no fact contradicts another."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.payment.domain.charges import Charge, ChargeState
from services.payment.domain.facts import Fact, PaymentConfirmed, PaymentFailed
from services.payment.domain.giving_back import give_back
from services.payment.domain.ledger import Entry, LedgerLine
from services.payment.domain.outcomes import Change, apply_charge, conclude_never_charged, end_with_order
from services.payment.domain.payments import Status
from services.payment.domain.refunds import ProviderRefund, Refund, RefundStatus, apply_refund
from services.payment.domain.schedule import Step, after_check, may_conclude, next_step
from tests.unit.payment.given import CHALLENGE, FEE, NOW, a_charge, a_payment

SEARCH_LAG = timedelta(minutes=5)
REFUND_ID = UUID("01957000-0000-7000-8000-0000000000f0")


class PaymentMachine(RuleBasedStateMachine):
    """The provider's side is the truth; ours learns any of its past states, at any time, and steps may be cut off."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.payment = a_payment()
        self.order_cancelled = False
        self.truth: Charge | None = None
        self.past: list[Charge] = []
        self.refund: Refund | None = None
        self.published: list[type[Fact]] = []
        self.ledger: list[LedgerLine] = []

    # What happens at the provider

    @precondition(lambda self: self.truth is None and not may_conclude(self.payment, self.now, SEARCH_LAG))
    @rule(state=st.sampled_from([one for one in ChargeState if one is not ChargeState.CANCELLED]))
    def our_request_arrives(self, state: ChargeState) -> None:
        self._provider(a_charge(state, settlement=None))

    @precondition(lambda self: self.truth is not None and self.truth.is_open)
    @rule(state=st.sampled_from([one for one in ChargeState if one is not ChargeState.NEEDS_CHALLENGE]))
    def somebody_acts_at_the_provider(self, state: ChargeState) -> None:
        self._provider(a_charge(state, settlement=None))

    @precondition(lambda self: self.truth is not None and self.truth.state is ChargeState.PROCESSING)
    @rule(state=st.sampled_from([ChargeState.SUCCEEDED, ChargeState.DECLINED]))
    def processing_ends(self, state: ChargeState) -> None:
        self._provider(a_charge(state, settlement=None))

    @precondition(lambda self: self.truth is not None and self.truth.state is ChargeState.SUCCEEDED)
    @rule()
    def the_charge_settles(self) -> None:
        assert self.truth is not None
        self._provider(replace(self.truth, settlement=FEE))

    @rule(seconds=st.integers(1, 1200))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    # What reaches us

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def we_hear_of_it(self, data: st.DataObject) -> None:
        self._write(self._apply(data.draw(st.sampled_from(self.past))))

    @rule()
    def the_order_is_cancelled(self) -> None:
        self.order_cancelled = True
        self._write(end_with_order(self.payment, self.now))

    @rule()
    def the_reconciler_takes_a_step(self) -> None:
        self._step()
        self._refund_step()

    def teardown(self) -> None:
        """Left alone for long enough, both sides agree."""
        for _ in range(50):
            self.now += timedelta(minutes=5)
            if self.truth is not None and self.truth.state is ChargeState.PROCESSING:
                self._provider(a_charge(ChargeState.SUCCEEDED))
            self._step()
            self._refund_step()
        assert not self.payment.is_live
        if self.truth is None or self.truth.state is not ChargeState.SUCCEEDED:
            assert self.payment.status in (Status.FAILED, Status.CANCELLED)
            assert not (self.truth and self.truth.is_open), "nobody can pay through it any more"
            assert self.ledger == []
        elif self.payment.late or self.order_cancelled:
            assert self.payment.status is Status.REFUNDED
        else:
            assert self.payment.status is Status.SUCCEEDED
            assert PaymentConfirmed in self.published

    @invariant()
    def each_fact_is_published_once_and_never_its_opposite(self) -> None:
        assert len(self.published) == len(set(self.published))
        assert not {PaymentConfirmed, PaymentFailed} <= set(self.published)

    @invariant()
    def the_ledger_agrees_with_the_payment(self) -> None:
        captured = sum(line.amount.minor for line in self.ledger if line.entry is Entry.CAPTURE)
        given_back = sum(line.amount.minor for line in self.ledger if line.entry is Entry.REFUND)
        assert captured == (self.payment.amount.minor if self.payment.is_paid else 0)
        assert given_back == (captured if self.payment.status is Status.REFUNDED else 0)
        assert len(self.ledger) == len({(line.entry, line.reference) for line in self.ledger})

    @invariant()
    def what_is_open_is_looked_after(self) -> None:
        if self.payment.is_live or self.payment.close_charge or self.payment.owes:
            assert self.payment.check_at is not None

    def _provider(self, charge: Charge) -> None:
        self.truth = charge
        self.past.append(charge)

    def _apply(self, charge: Charge) -> Change:
        ended = self.order_cancelled or PaymentFailed in self.published
        return apply_charge(self.payment, charge, order_ended=ended, now=self.now, challenge_timeout=CHALLENGE)

    def _write(self, change: Change) -> None:
        self.payment = change.after
        self.ledger += change.ledger
        if change.fact is not None:
            self.published.append(type(change.fact))
        refunds = [self.refund] if self.refund else []
        given = give_back(self.payment, refunds, refund_id=REFUND_ID, now=self.now)
        self.payment, self.refund = given.payment, given.refund or self.refund

    def _step(self) -> None:
        self.payment = replace(self.payment, checks=self.payment.checks + 1)
        match next_step(self.payment, self.now):
            case Step.ASK:
                self.payment = replace(self.payment, asked_at=self.now)
                if self.truth is None:  # else the key brings back what there is
                    self._provider(a_charge(ChargeState.SUCCEEDED))
            case Step.CANCEL:
                assert self.truth is not None
                if self.truth.is_open:
                    self._provider(a_charge(ChargeState.CANCELLED, cancellation_reason="abandoned"))
            case Step.SEARCH if self.truth is None:
                if may_conclude(self.payment, self.now, SEARCH_LAG):
                    self._write(conclude_never_charged(self.payment, self.now))
                return
            case Step.NOTHING | Step.GIVE_BACK:
                self.payment = after_check(self.payment, self.now)
                return
        assert self.truth is not None
        if self.truth.state is ChargeState.SUCCEEDED:
            self.truth = replace(self.truth, settlement=FEE)
        self._write(self._apply(self.truth))

    def _refund_step(self) -> None:
        if self.refund is None or self.refund.status is not RefundStatus.PENDING:
            return
        seen = ProviderRefund("re_1", RefundStatus.SUCCEEDED, self.refund.amount, self.refund.id)
        change = apply_refund(self.payment, [self.refund], self.refund, seen, self.now)
        self.payment, self.refund = change.payment, change.refund
        self.ledger += change.ledger
        if change.fact is not None:
            self.published.append(type(change.fact))


TestAnyOrder = PaymentMachine.TestCase
