"""The store's promises, on a real file: transactions are whole, pages are complete, other versions are refused."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stripe_sandbox.answers import SavedAnswer
from stripe_sandbox.customers import Customer
from stripe_sandbox.database import WrongSchema
from stripe_sandbox.outbox import StoredEvent
from stripe_sandbox.paging import Page, UnknownCursor
from stripe_sandbox.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stripe.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store(path)
    yield store
    store.close()


def customer(number: int) -> Customer:
    return Customer(id=f"cus_{number}", created=number, metadata={})


def test_what_was_committed_is_there_after_reopening(store: Store, path: Path) -> None:
    with store.transaction():
        store.objects.add(customer(1))
    again = Store(path)
    assert again.objects.find(Customer, "cus_1") == customer(1)
    again.close()


def test_an_exception_undoes_everything(store: Store) -> None:
    def change_and_fail() -> None:
        with store.transaction():
            store.objects.add(customer(1))
            store.outbox.add_delivery("evt_1", 1)
            store.jobs.add("task", "subject", 1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change_and_fail()
    assert store.objects.find(Customer, "cus_1") is None
    assert store.outbox.pending() == 0
    assert store.jobs.first_due(2) is None


def test_data_of_another_version_are_refused(store: Store, path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(WrongSchema, match="remove the file"):
        Store(path)


@settings(deadline=None)
@given(count=st.integers(0, 12), limit=st.integers(1, 5))
def test_pages_forwards_and_backwards_give_everything_once(
    tmp_path_factory: pytest.TempPathFactory, count: int, limit: int
) -> None:
    store = Store(tmp_path_factory.mktemp("paging") / "stripe.sqlite3")
    with store.transaction():
        for number in range(count):
            store.objects.add(customer(number))
    newest_first = [f"cus_{number}" for number in reversed(range(count))]

    found: list[str] = []
    more = True
    while more:
        page, more = store.objects.page_of(Customer, Page(limit, starting_after=found[-1] if found else None), {})
        found += [resource.id for resource in page]
    assert found == newest_first

    backwards: list[str] = newest_first[-1:]
    more = bool(backwards)
    while more:
        page, more = store.objects.page_of(Customer, Page(limit, ending_before=backwards[0]), {})
        backwards = [resource.id for resource in page] + backwards
    assert backwards == newest_first
    store.close()


def test_an_unknown_cursor_is_an_error(store: Store) -> None:
    with pytest.raises(UnknownCursor):
        store.objects.page_of(Customer, Page(starting_after="cus_0"), {})


def test_pruning_spares_what_is_young_or_undelivered(store: Store) -> None:

    with store.transaction():
        for id_, created in (("evt_old", 1), ("evt_waiting", 1), ("evt_young", 9)):
            store.outbox.add_event(StoredEvent(id_, "t", created, "{}"))
        store.outbox.add_delivery("evt_waiting", 1)
        for key, at in (("old", 1.0), ("young", 9.0)):
            store.answers.save(key, SavedAnswer("/", "f", 200, "{}", "req", at))
        store.outbox.forget(5)
        assert store.answers.forget(5) == 1
    assert [store.outbox.event(id_) is not None for id_ in ("evt_old", "evt_waiting", "evt_young")] == [
        False,
        True,
        True,
    ]
    assert store.answers.find("old") is None
    assert store.answers.find("young") is not None
