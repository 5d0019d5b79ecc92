"""A customer at a browser: what they click and read, and what went wrong meanwhile."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, Request, Route, expect
from prometheus_client.parser import text_string_to_metric_families

from tests.support.looks import picture, violations
from tests.support.shop import ADDRESS, PATIENCE_SECONDS, Customer, Json, Shop, a_person, until

PATIENCE = PATIENCE_SECONDS * 1000
"""Milliseconds that anything may take."""
expect.set_options(timeout=PATIENCE)
PHONE = {"width": 360, "height": 740}
CREATE_ORDER = "**/argosy.order.v1.OrderService/CreateOrder"
CREATE_PAYMENT = "**/argosy.payment.v1.PaymentService/CreatePayment"

NETWORK = r"Failed to load resource|net::ERR"
"""What Chromium logs of a request that gets no answer."""

VISA = "Visa •••• 4242 The payment succeeds."
DECLINED = "Visa •••• 0002 The bank declines the card."
NO_FUNDS = "Visa •••• 9995 The card has insufficient funds."
CHALLENGED = "Visa •••• 3184, 3-D Secure"


@dataclass
class Trouble:
    """What no page may do: log an error, break the policy, load something from another host."""

    origin: str
    found: list[str] = field(default_factory=list)
    expected: re.Pattern[str] | None = None
    """Errors that the test makes itself."""

    def listen(self, context: BrowserContext) -> None:
        """Note what happens on all pages of the context."""
        context.on("console", self._message)
        context.on("weberror", lambda error: self._note(f"uncaught: {error.error}"))
        context.on("request", self._request)

    @contextmanager
    def expecting(self, pattern: str) -> Iterator[None]:
        """Errors of this pattern are the test's doing."""
        self.expected = re.compile(pattern)
        yield

    def _message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._note(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.path == "/csp-reports":
            self._note(f"policy: {request.post_data}")
        # The bank's page is not the shop's.
        if parts.scheme in ("http", "https") and not request.url.startswith(self.origin) and not _is_bank(request.url):
            self._note(f"another host: {request.url}")

    def _note(self, text: str) -> None:
        if self.expected is None or not self.expected.search(text):
            self.found.append(text)


def _is_bank(url: str) -> bool:
    return "/challenge/" in url


@dataclass
class PolicyReports:
    """The web server's count of violations of the Content-Security-Policy, which browsers report."""

    shop: Shop
    expected: float = 0
    """How many the tests have made themselves."""

    async def counted(self) -> float:
        """How many there were since the server started."""
        answer = await self.shop.http.get(f"{self.shop.stack.admin_url('web')}/metrics")
        families = text_string_to_metric_families(answer.text)
        samples = [one for family in families for one in family.samples]
        return sum(one.value for one in samples if one.name == "argosy_web_policy_violations_total")


@dataclass
class Visitor:
    """Somebody with a browser window."""

    shop: Shop
    context: BrowserContext
    page: Page
    trouble: Trouble
    person: dict[str, str] = field(default_factory=lambda: a_person(firstName="Ada", lastName="Byron"))

    async def go(self, path: str) -> None:
        """Type an address."""
        await self.page.goto(path)

    async def another_tab(self) -> Visitor:
        """The same person's second tab."""
        return Visitor(self.shop, self.context, await self.context.new_page(), self.trouble, self.person)

    def heading(self, text: str | re.Pattern[str]) -> Locator:
        """The page's heading."""
        return self.page.get_by_role("heading", name=text, level=1)

    def button(self, text: str | re.Pattern[str], *, exact: bool = False) -> Locator:
        """A button."""
        return self.page.get_by_role("button", name=text, exact=exact)

    def link(self, text: str | re.Pattern[str]) -> Locator:
        """A link."""
        return self.page.get_by_role("link", name=text)

    async def sees(self, text: str | re.Pattern[str]) -> None:
        """Wait until a text is on the page."""
        await expect(self.page.get_by_text(text).first).to_be_visible()

    async def hears(self, text: str) -> None:
        """Wait until a screen reader reads a text out."""
        await expect(self.page.get_by_role("status").filter(has_text=text)).to_have_count(1)

    async def is_at(self, heading: str | re.Pattern[str]) -> None:
        """Wait until a page is there."""
        await expect(self.heading(heading)).to_be_visible()

    async def settle(self) -> None:
        """Wait until a page is there and has loaded what it shows. The stream of an order's states does not count."""
        await expect(self.page.locator("h1")).to_be_visible()
        await expect(self.page.locator(".loading")).to_have_count(0)

    async def sign_up(self) -> None:
        """Create an account."""
        await self.go("/sign-up")
        await self.page.get_by_label("Given name").fill(self.person["firstName"])
        await self.page.get_by_label("Family name").fill(self.person["lastName"])
        await self.page.get_by_label("Email").fill(self.person["email"])
        await self.page.get_by_label("Password").fill(self.person["password"])
        await self.button("Create an account").click()
        await self.is_at("Catalog")

    async def sign_in(self) -> None:
        """Fill in the form of the present page."""
        await self.page.get_by_label("Email").fill(self.person["email"])
        await self.page.get_by_label("Password").fill(self.person["password"])
        await self.button("Sign in").click()

    async def sign_in_as_staff(self) -> Customer:
        """Sign in as a new member of the staff."""
        member = await self.shop.register_staff()
        self.person = {**self.person, "email": member.email, "password": member.password}
        await self.go("/sign-in")
        await self.sign_in()
        await self.is_at("Catalog")
        return member

    async def put_in(self, product: str = "Sextant") -> None:
        """Put a product into the basket."""
        await self.go("/")
        await self.link(product).click()
        await self.is_at(product)
        await self.button("Add to basket").click()
        await self.sees(f"1 × {product} is in your basket.")

    async def check_out(self, product: str = "Sextant") -> None:
        """Go to the checkout with a product, and fill in the address."""
        await self.put_in(product)
        await self.link("Go to the basket").click()
        await self.link("Check out").click()
        await self.fill_address()

    async def fill_address(self) -> None:
        """Fill in the form of the checkout."""
        await self.is_at("Check out")
        page = self.page
        await page.get_by_label("Street and number").fill(ADDRESS["street"])
        await page.get_by_label("Postal code").fill(ADDRESS["zipCode"])
        await page.get_by_label("City").fill(ADDRESS["city"])
        await page.get_by_label("State or province").fill(ADDRESS["state"])
        await page.get_by_label("Country").select_option(ADDRESS["country"])

    async def order(self, product: str = "Sextant") -> str:
        """Order a product. Returns the order's id."""
        await self.check_out(product)
        await self.button("Place the order").click()
        return await self.order_id()

    async def order_id(self) -> str:
        """The id of the order whose page is shown."""
        await self.is_at(re.compile("^Order "))
        return self.page.url.rpartition("/")[2]

    async def choose(self, card: str) -> None:
        """Choose a way to pay."""
        await self.page.get_by_role("radio", name=card).check()

    async def pay(self, card: str = VISA) -> None:
        """Choose a way to pay, and pay."""
        await self.choose(card)
        await self.button(re.compile("^Pay ")).click()

    async def until_status(self, status: str) -> None:
        """Wait until the order's page shows a status, without loading it again."""
        await expect(self.page.locator(".progress .state")).to_have_text(status)

    async def faults(self, name: str) -> list[Any]:
        """What axe finds on the page, and whether it is too wide. Saves a picture of it.

        The context needs `bypass_csp`: axe is a script that the policy of the pages refuses.
        """
        await self.settle()
        await picture(self.page, name)
        overflow = await self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return [*await violations(self.page), *([f"{overflow} px too wide"] if overflow > 0 else [])]

    async def as_customer(self) -> Customer:
        """The same person without a browser, to look at what there is."""
        said = {"email": self.person["email"], "password": self.person["password"]}
        answer = (await self.shop.call("POST", "/users/login", said)).json()
        return Customer(self.shop, answer["user"]["id"], said["email"], said["password"], answer["token"])

    async def orders(self, *statuses: str) -> list[Json]:
        """All orders that they have, once there is one of each of these statuses.

        The list follows the orders, so an order may be on its page before it is in the list.
        """
        customer = await self.as_customer()

        async def look() -> list[Json]:
            found: list[Json] = (await customer.get("/orders"))["orders"]
            return found

        def has_all(found: list[Json]) -> bool:
            return not Counter(statuses) - Counter(order["status"] for order in found)

        return await until(look, has_all, f"the list has orders that are {statuses}")

    async def charged(self, order_id: str) -> Any:
        """What Stripe has taken for an order, in cents."""
        return (await self.shop.sandbox.counts(order_id=order_id))["amount_captured"]


def answers_held(visitor: Visitor, path: str) -> AbstractAsyncContextManager[None]:
    """Requests of this path are sent, and the page gets no answer to them before the block ends."""
    return _held(visitor, path, "Response")


def requests_held(visitor: Visitor, path: str) -> AbstractAsyncContextManager[None]:
    """Requests of this path are not sent before the block ends."""
    return _held(visitor, path, "Request")


@asynccontextmanager
async def _held(visitor: Visitor, path: str, stage: str) -> AsyncIterator[None]:
    client = await visitor.context.new_cdp_session(visitor.page)
    await client.send("Fetch.enable", {"patterns": [{"urlPattern": path, "requestStage": stage}]})
    yield
    await client.send("Fetch.disable")
    await client.detach()


def fresh_id() -> str:
    """An id of a product that there is not yet."""
    return f"prod-{uuid.uuid4().hex[:12]}"


async def lose_first_answer(visitor: Visitor, path: str) -> list[str]:
    """The first request arrives, and its answer does not. Returns the keys of all requests, as they come."""
    keys: list[str] = []

    async def handle(route: Route) -> None:
        keys.append((await route.request.all_headers())["idempotency-key"])
        if len(keys) > 1:
            await route.continue_()
            return
        await route.fetch(timeout=PATIENCE)
        await route.abort("connectionreset")

    await visitor.context.route(path, handle)
    return keys


async def hang_first_answer(visitor: Visitor, path: str) -> asyncio.Event:
    """The first request arrives, and its answer never comes. Returns the event of its arrival; later requests pass.

    The route stays: when a page's last one is removed, Chromium sends its hanging requests again.
    """
    arrived = asyncio.Event()

    async def handle(route: Route) -> None:
        if arrived.is_set():
            await route.continue_()
            return
        await route.fetch(timeout=PATIENCE)
        arrived.set()

    await visitor.context.route(path, handle)
    return arrived
