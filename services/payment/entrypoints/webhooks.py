"""Stripe's webhooks → notices → commands; each is counted by what became of it.

One that Stripe signed is never refused: Stripe would send it again for days, and close the whole endpoint in the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from prometheus_client import Counter
from pydantic import SecretStr

from services.chassis.process.metrics import show_from_the_start
from services.payment.adapters.stripe.webhooks import BadSignature, NotForUs, Passed, read_webhook
from services.payment.domain.notices import Notice
from services.payment.use_cases.apply_notice import ApplyNotice, ApplyNoticeHandler, Outcome

FORGED = "bad_signature"
_webhooks = Counter("argosy_stripe_webhooks", "Webhooks of Stripe's, by what became of each.", ["result"])
show_from_the_start(_webhooks, (FORGED, *Outcome, *Passed))
_log = structlog.get_logger()


@dataclass(frozen=True)
class StripeWebhooks:
    """Receives the webhooks of one Stripe account."""

    apply_notice: ApplyNoticeHandler
    secret: SecretStr

    async def __call__(self, payload: bytes, signature: str) -> None:
        """Applies a webhook, once. What Stripe signed and has no effect here is counted, and that is all.

        Raises:
            BadSignature: nothing was changed.
            OutcomeUnknown, NotAuthorized, NotAsked: Stripe cannot be asked now; it will send the webhook again.
        """
        try:
            notice = read_webhook(payload, signature, self.secret)
        except BadSignature:
            _webhooks.labels(FORGED).inc()
            raise
        except NotForUs as passed:
            if passed.why in (Passed.UNPARSABLE, Passed.OTHER_SHAPE):
                _log.warning("webhook_not_understood", why=passed.why.value)
            _webhooks.labels(passed.why).inc()
        else:
            _webhooks.labels(await self._apply(notice)).inc()

    async def _apply(self, notice: Notice) -> Outcome:
        applied = await self.apply_notice(ApplyNotice(notice))
        if applied.mismatch is not None:
            _log.error("webhook_of_a_foreign_intent", stripe_event=notice.id, error=applied.mismatch)
        return applied.outcome
