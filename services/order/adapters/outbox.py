"""The commits as the relay's outbox: projected to the read side, then published, then marked as published.

Commits reach the relay in two ways. Each replica hands over its own commits in memory, right after storing them: they
are projected and published within milliseconds, without a query. And one replica at a time, by lease, looks every two
seconds for commits that have stayed unpublished: those of a process that died, or that the broker did not accept. Such
a look reads the whole history of each order it finds, so that an order's events are always published in sequence.

Two replicas may publish the same event at the same time: with the same id, and each in sequence, so that a consumer
that drops duplicates receives each order's events once and in sequence.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from prometheus_client import Gauge

from services.chassis.bus.relay import Backlog, Unsent
from services.chassis.plain import clock, logs
from services.chassis.plain.crash_points import reach
from services.chassis.plain.side_by_side import side_by_side
from services.order.adapters.commits import CommitKey, MongoCommits
from services.order.adapters.facts import records_of
from services.order.adapters.leases import Leases
from services.order.adapters.read_side import MongoReadSide
from services.order.domain.history import Commit, History, fold

_LOOK_EVERY_SECONDS = 2.0
_SETTLE_EVERY_SECONDS = 6.0
_LEASE_SECONDS = 5.0
_SHOWN_WITHIN_SECONDS = 0.25
_OVERDUE_AFTER = timedelta(seconds=2)
"""Until then the replica that stored the commit publishes it."""
_SETTLED_AFTER = timedelta(seconds=10)
"""Two projections that crossed have both reached the read side by then."""
_MOST_WAITING = 2_000
"""Further handed-over commits are left to the look: memory stays bounded while the broker is away."""

_unsettled = Gauge(
    "argosy_order_read_side_unsettled_seconds",
    "Age of the oldest commit that was not compared with the read side yet, in the replica that looks.",
)

_log = structlog.get_logger()


class CommitOutbox:
    """The outbox that `chassis.relay.Relay` publishes from."""

    def __init__(
        self, commits: MongoCommits, read_side: MongoReadSide, leases: Leases, now: Callable[[], datetime] = clock.now
    ) -> None:
        self._commits = commits
        self._read_side = read_side
        self._leases = leases
        self._now = now
        self._waiting: dict[str, Commit] = {}
        self._lately_sent: deque[str] = deque(maxlen=_MOST_WAITING)
        self._arrived = asyncio.Event()
        self._projecting: set[asyncio.Task[None]] = set()
        self._next_look = 0.0
        self._next_settling = 0.0
        self._backlog = Backlog(0, 0.0)

    async def announce(self, history: History) -> None:
        """Projects a history that has grown and publishes it soon (ports.Announce). What is lost here, a look finds.

        Returns once the read side shows it, so that a list right after the order was placed has it; or after a moment,
        when that takes longer or fails.
        """
        task = asyncio.create_task(self._take_over(history))
        self._projecting.add(task)
        task.add_done_callback(self._projecting.discard)
        await asyncio.wait({task}, timeout=_SHOWN_WITHIN_SECONDS)

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[CommitOutbox]:
        """Every replica publishes its own commits; only the look for overdue ones needs the lease."""
        try:
            yield self
        finally:
            if self._projecting:
                await asyncio.wait(self._projecting, timeout=_LEASE_SECONDS)

    async def unsent(self, limit: int, held_back: Collection[str]) -> Sequence[Unsent]:
        """Commits to publish: handed-over ones and, every two seconds in one replica, overdue ones."""
        overdue = await self._look(limit)
        self._drop_sent()
        handed_over = list(self._waiting.values())[: max(0, limit - len(overdue))]
        chosen = {commit.id: commit for commit in (*overdue, *handed_over)}
        for commit_id in chosen:
            self._waiting.pop(commit_id, None)
        # Those held back are not lost: they stay unpublished, and a look finds them.
        return [_entry(commit) for commit in _in_order(chosen.values()) if str(commit.order_id) not in held_back]

    async def mark_sent(self, sent: Sequence[Unsent]) -> None:
        """Marks commits that the broker has."""
        self._lately_sent.extend(entry.token.id for entry in sent)
        await self._commits.mark_published([entry.token for entry in sent])

    async def wait_for_work(self) -> None:
        """Returns when a commit is handed over, and when it is time to look."""
        if not self._waiting:
            self._arrived.clear()
            try:
                async with asyncio.timeout(_LOOK_EVERY_SECONDS):
                    await self._arrived.wait()
            except TimeoutError:
                return

    async def backlog(self) -> Backlog:
        """The commits that the last look found overdue; none in a replica that does not look."""
        return self._backlog

    def _drop_sent(self) -> None:
        """Drops commits that were handed over again, with a history that grew while they were being published."""
        for commit_id in self._waiting.keys() & set(self._lately_sent):
            del self._waiting[commit_id]

    async def _take_over(self, history: History) -> None:
        try:
            show = self._read_side.add if len(history) == 1 else self._read_side.project
            reach("order.read_side.before")
            await show(fold(history))
            reach("order.read_side.shown")
        except Exception as error:  # whatever it is, a look tries again, and logs it if it stays
            _log.warning("projection_put_off", order_id=str(history[0].order_id), error=logs.error_text(error))
            return
        for commit in history:
            if not commit.published and len(self._waiting) < _MOST_WAITING:
                self._waiting[commit.id] = commit
        self._arrived.set()

    async def _look(self, limit: int) -> list[Commit]:
        loop = asyncio.get_running_loop()
        if loop.time() < self._next_look:
            return []
        self._next_look = loop.time() + _LOOK_EVERY_SECONDS
        if not await self._leases.held("relay", _LEASE_SECONDS):
            self._backlog = Backlog(0, 0.0)
            _unsettled.set(0)  # another replica looks
            return []
        if loop.time() >= self._next_settling:
            self._next_settling = loop.time() + _SETTLE_EVERY_SECONDS
            await self._settle(limit)
        return await self._overdue(limit)

    async def _overdue(self, limit: int) -> list[Commit]:
        found = await self._commits.unpublished(limit)
        overdue = self._older_than(_OVERDUE_AFTER, found)
        self._backlog = Backlog(len(overdue), self._age_of_oldest(overdue))
        histories = await side_by_side(self._project_again, {commit.order_id for commit in overdue})
        return [commit for history in histories for commit in history if not commit.published]

    async def _settle(self, limit: int) -> None:
        unsettled = await self._commits.unsettled(limit)
        _unsettled.set(self._age_of_oldest(unsettled))
        due = self._older_than(_SETTLED_AFTER, unsettled)
        histories = await side_by_side(self._project_again, {commit.order_id for commit in due})
        if due:
            reach("order.read_side.before_settled")
        # An order that a newer version alone can read is left to it.
        projected = {commit.order_id for history in histories for commit in history}
        await side_by_side(self._commits.mark_settled, [commit for commit in due if commit.order_id in projected])

    def _older_than(self, age: timedelta, commits: Iterable[CommitKey]) -> list[CommitKey]:
        """Those that are older; and those from the future, by a wrong clock: to do them twice does no harm."""
        now = self._now()
        return [commit for commit in commits if not now - age <= commit.at <= now + age]

    def _age_of_oldest(self, commits: Iterable[CommitKey]) -> float:
        """In seconds, 0 when there is none."""
        now = self._now()
        return max([0.0, *((now - commit.at).total_seconds() for commit in commits)])

    async def _project_again(self, order_id: UUID) -> History:
        try:
            history = await self._commits.load(order_id)
            await self._read_side.project(fold(history))
        except (ValueError, KeyError) as error:  # an unreadable history must not hold up the others
            _log.error("unreadable_history", order_id=str(order_id), error=logs.error_text(error))
            return ()
        return history


def _in_order(commits: Iterable[Commit]) -> list[Commit]:
    return sorted(commits, key=lambda commit: (commit.order_id, commit.version))


def _entry(commit: Commit) -> Unsent:
    return Unsent(token=commit, key=str(commit.order_id), records=tuple(records_of(commit)))
