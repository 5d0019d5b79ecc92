"""Commits on the real store: one writer of a version wins, and no outcome is reported wrongly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest

from services.chassis.data.mongo import Mongo
from services.chassis.plain import ids
from services.chassis.plain.errors import Unavailable
from services.order.adapters.commits import CommitKey, MongoCommits
from services.order.domain.history import Commit
from services.order.domain.orders import Status
from services.order.ports import NotStored, OrderClosed, OutcomeUnknown, VersionTaken
from tests.integration.order.support import CutProxy
from tests.unit.order.examples import history_of, moved, order_created


@pytest.fixture
async def cut_store(proxy: CutProxy) -> AsyncIterator[MongoCommits]:
    """The commits, by way of the proxy."""
    mongo = Mongo(proxy.url)
    await mongo.start()
    yield MongoCommits(mongo)
    await mongo.stop()


async def test_what_was_appended_is_loaded_oldest_first(store: MongoCommits) -> None:
    commits = history_of(Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED)
    for commit in commits:
        await store.append(commit)

    assert await store.load(commits[0].order_id) == commits


async def test_an_unknown_order_has_no_commits(store: MongoCommits) -> None:
    assert await store.load(ids.new_id()) == []


async def test_of_many_writers_of_one_version_exactly_one_wins(store: MongoCommits) -> None:
    for _ in range(10):
        created = order_created()
        await store.append(created)
        rivals = [moved([created], Status.CONFIRMED) for _ in range(8)]

        outcomes = await asyncio.gather(*(store.append(rival) for rival in rivals), return_exceptions=True)

        winners = [rival for rival, outcome in zip(rivals, outcomes, strict=True) if outcome is None]
        assert len(winners) == 1
        assert sum(isinstance(outcome, VersionTaken) for outcome in outcomes) == len(rivals) - 1
        assert await store.load(created.order_id) == [created, *winners]


async def test_commits_wait_for_the_bus_until_they_are_marked(store: MongoCommits) -> None:
    commits = history_of(Status.CONFIRMED)
    for commit in commits:
        await store.append(commit)
    assert _ids(await store.unpublished(1_000)) >= _ids(commits)

    await store.mark_published([commits[0]])

    waiting = _ids(await store.unpublished(1_000))
    assert commits[0].id not in waiting
    assert commits[1].id in waiting
    assert [commit.published for commit in await store.load(commits[0].order_id)] == [True, False]


async def test_a_relay_marks_any_number_of_commits_at_once(store: MongoCommits) -> None:
    commits = [commit for _ in range(7) for commit in history_of(Status.CONFIRMED, Status.SHIPPED)]
    for commit in commits:
        await store.append(commit)
    await store.mark_published(commits)
    assert not _ids(await store.unpublished(1_000)) & _ids(commits)
    await store.mark_published(commits)  # again, as after a crash
    await store.mark_published([])
    assert not _ids(await store.unpublished(1_000)) & _ids(commits)


async def test_only_orders_whose_projections_can_cross_are_to_be_projected_again(store: MongoCommits) -> None:
    commits = history_of(Status.CONFIRMED, Status.SHIPPED)
    for commit in commits:
        await store.append(commit)
    await store.mark_published(commits)

    unsettled = _ids(await store.unsettled(1_000))
    assert unsettled & _ids(commits) == {commits[2].id}

    (crossed,) = [one for one in await store.unsettled(1_000) if one.id == commits[2].id]
    await store.mark_settled(crossed)
    assert commits[2].id not in _ids(await store.unsettled(1_000))


async def test_a_lost_answer_is_looked_up(cut_store: MongoCommits, proxy: CutProxy, store: MongoCommits) -> None:
    created = order_created()
    proxy.lose_answers_to = created.token.encode()

    await cut_store.append(created)

    assert await store.load(created.order_id) == [created]


async def test_a_lost_answer_is_not_taken_for_a_win(
    cut_store: MongoCommits, proxy: CutProxy, store: MongoCommits
) -> None:
    winner = order_created()
    await store.append(winner)
    loser = order_created(order_id=winner.order_id)
    proxy.lose_answers_to = loser.token.encode()

    with pytest.raises(VersionTaken):
        await cut_store.append(loser)
    assert await store.load(winner.order_id) == [winner]


async def test_an_unknown_outcome_is_raised_as_unknown(
    cut_store: MongoCommits, proxy: CutProxy, store: MongoCommits
) -> None:
    created = order_created()
    proxy.lose_answers_to = str(created.order_id).encode()  # of the look-up as well

    with pytest.raises(OutcomeUnknown):
        await cut_store.append(created)
    assert await store.load(created.order_id) == [created]


async def test_what_never_left_is_certainly_not_stored(monkeypatch: pytest.MonkeyPatch, store: MongoCommits) -> None:
    monkeypatch.setattr("services.chassis.data.mongo.SELECT_SECONDS", 0.2)
    away = Mongo("mongodb://127.0.0.1:9/away")
    with pytest.raises(Exception, match=r"127\.0\.0\.1:9"):
        await away.start()
    created = order_created()

    with pytest.raises(NotStored):
        await MongoCommits(away).append(created)
    with pytest.raises(Unavailable):
        await MongoCommits(away).load(created.order_id)
    await away.stop()
    assert await store.load(created.order_id) == []


class TestClosing:
    """An order that does not exist can be kept from ever coming to be, however late whoever is about to store it."""

    async def test_what_was_closed_cannot_be_stored_any_more(self, store: MongoCommits) -> None:
        created = order_created()
        assert await store.close(created.order_id)
        assert await store.close(created.order_id)
        with pytest.raises(OrderClosed):
            await store.append(created)
        assert await store.load(created.order_id) == []
        assert str(created.order_id) not in [order_id async for order_id in store.order_ids()]
        assert created.id not in _ids(await store.unpublished(1_000)) | _ids(await store.unsettled(1_000))

    async def test_what_is_stored_is_not_closed(self, store: MongoCommits) -> None:
        created = order_created()
        await store.append(created)
        assert not await store.close(created.order_id)
        confirmed = moved([created], Status.CONFIRMED)
        await store.append(confirmed)
        assert await store.load(created.order_id) == [created, confirmed]

    async def test_of_an_order_being_stored_and_closed_at_once_one_happens(self, store: MongoCommits) -> None:
        outcomes = []
        for _ in range(20):
            created = order_created()
            appended, closed = await asyncio.gather(
                store.append(created), store.close(created.order_id), return_exceptions=True
            )
            stored = await store.load(created.order_id)
            assert (stored == [created]) is (appended is None) is (not closed)
            outcomes.append(closed)
        assert all(isinstance(outcome, bool) for outcome in outcomes), outcomes

    async def test_a_process_that_is_paused_while_it_stores_comes_too_late(
        self, cut_store: MongoCommits, proxy: CutProxy, store: MongoCommits
    ) -> None:
        created = order_created()
        proxy.hold_requests_with = created.token.encode()
        storing = asyncio.create_task(cut_store.append(created))
        await asyncio.to_thread(proxy.held.wait)
        assert await store.close(created.order_id)
        proxy.hold_requests_with = None
        with pytest.raises(OrderClosed):
            await storing
        assert await store.load(created.order_id) == []

    async def test_a_lost_answer_to_one_who_came_too_late_is_no_win(
        self, cut_store: MongoCommits, proxy: CutProxy, store: MongoCommits
    ) -> None:
        created = order_created()
        await store.close(created.order_id)
        proxy.lose_answers_to = created.token.encode()
        with pytest.raises(OrderClosed):
            await cut_store.append(created)


def _ids(commits: Iterable[Commit | CommitKey]) -> set[str]:
    return {commit.id for commit in commits}
