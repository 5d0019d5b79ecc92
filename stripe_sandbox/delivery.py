"""Delivers events from the outbox to the webhook until the receiver answers 2xx: at least once, in any order."""

import asyncio
import random
import time

import aiohttp
import structlog

from stripe_sandbox.controls import Controls
from stripe_sandbox.outbox import Delivery
from stripe_sandbox.store import Store
from stripe_sandbox.webhooks import retry_delay, signature

log = structlog.get_logger()

_CONCURRENT = 16
_RANDOM = random.SystemRandom()
_TIMEOUT = aiohttp.ClientTimeout(total=10)
_LONGEST_SLEEP_SECONDS = 60.0


class Deliverer:
    """Runs until cancelled. All its state is in the store, so that it survives a crash at any line."""

    def __init__(self, store: Store, controls: Controls, url: str, secret: str) -> None:
        self._store = store
        self._controls = controls
        self._url = url
        self._secret = secret
        self._wake = asyncio.Event()
        self._under_way: dict[int, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """Signal that there may be something to deliver."""
        self._wake.set()

    async def run(self) -> None:
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session, asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                for delivery in self._due():
                    task = tasks.create_task(self._attempt(session, delivery))
                    self._under_way[delivery.id] = task
                await self._sleep()

    def _due(self) -> list[Delivery]:
        free = _CONCURRENT - len(self._under_way)
        if self._controls.webhooks_stopped or free == 0:
            return []
        due = self._store.outbox.due(time.time(), _CONCURRENT + len(self._under_way))
        waiting = [delivery for delivery in due if delivery.id not in self._under_way]
        if self._controls.webhooks_shuffled:
            _RANDOM.shuffle(waiting)
        return waiting[:free]

    async def _sleep(self) -> None:
        """Wait for a new event, a finished attempt, or the time of the next delivery."""
        now = time.time()
        due_at = self._store.outbox.next_due_at(now)
        seconds = _LONGEST_SLEEP_SECONDS if due_at is None else min(due_at - now, _LONGEST_SLEEP_SECONDS)
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    async def _attempt(self, session: aiohttp.ClientSession, delivery: Delivery) -> None:
        try:
            delivered = await self._send(session, delivery)
            with self._store.transaction():
                if delivered:
                    self._store.outbox.remove(delivery.id)
                else:
                    due_at = time.time() + retry_delay(delivery.attempts, _RANDOM.random())
                    self._store.outbox.postpone(delivery.id, due_at)
        finally:
            del self._under_way[delivery.id]
            self._wake.set()

    async def _send(self, session: aiohttp.ClientSession, delivery: Delivery) -> bool:
        body = self._store.outbox.event(delivery.event)
        if body is None:
            return True
        payload = body.encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(payload, self._secret, int(time.time())),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        try:
            async with session.post(self._url, data=payload, headers=headers, allow_redirects=False) as response:
                delivered = 200 <= response.status < 300
                outcome = str(response.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            delivered, outcome = False, type(error).__name__
        log.info("webhook", stripe_event=delivery.event, attempt=delivery.attempts + 1, outcome=outcome)
        return delivered
