"""Finding accounts on a real PostgreSQL."""

from __future__ import annotations

from uuid import UUID

from services.chassis.plain.ids import new_id
from services.user.domain.accounts import AccountStatus, AccountSummary
from services.user.use_cases.search_users import SearchUsers, SearchUsersHandler
from tests.integration.user.support import Accounts


async def found(accounts: Accounts, email: str = "", prefix: str = "", size: int = 2) -> list[AccountSummary]:
    """All pages of a search."""
    search, pages, after = SearchUsersHandler(accounts.work), [], None
    while True:
        page, after = await search(SearchUsers(new_id(), email, prefix, after, size))
        assert len(page) <= size
        pages += page
        if after is None:
            return pages


async def emails(accounts: Accounts, prefix: str, size: int = 2) -> list[str]:
    return [account.person.email for account in await found(accounts, prefix=prefix, size=size)]


async def test_by_address_and_its_first_letters_in_any_case(accounts: Accounts) -> None:
    for email in ("Ada@example.com", "ada.b@example.com", "bob@example.com", "ADAM@example.com", "ad_a@example.com"):
        await accounts.register(email)
    (ada,) = await found(accounts, "aDA@EXAMPLE.COM")
    assert (ada.person.email, ada.status, ada.email_verified) == ("Ada@example.com", AccountStatus.ACTIVE, False)
    assert await found(accounts, "ada@example") == []
    for size in (1, 2, 3, 9):
        assert await emails(accounts, "aDa", size) == ["ada.b@example.com", "Ada@example.com", "ADAM@example.com"]
    assert await emails(accounts, "ada@example.com") == ["Ada@example.com"]
    # What a pattern would take for any letter is a letter.
    assert await emails(accounts, "ad_") == ["ad_a@example.com"]
    assert await emails(accounts, "%") == []


async def test_the_newest_first_with_those_that_are_deleted(accounts: Accounts) -> None:
    ids = [UUID((await accounts.register(f"{name}@example.com"))[0].id) for name in ("cid", "ada", "bob")]
    await accounts.delete(str(ids[1]))
    for size in (1, 2):
        assert [account.id for account in await found(accounts, size=size)] == ids[::-1]
    listed = await found(accounts, size=3)
    assert [account.id for account in listed] == ids[::-1]
    assert [account.status for account in listed] == ["active", "deleted", "active"]
    assert await found(accounts, "ada@example.com") == []
    assert await emails(accounts, "a") == []
    await accounts.register("ada@example.com")
    assert len(await found(accounts, "ada@example.com")) == 1
