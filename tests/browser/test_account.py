"""Accounts: mails, passwords, sessions, preferences, profile."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import expect

from tests.browser.conftest import Open
from tests.support.browser import Visitor
from tests.support.shop import Shop, until

_LINK = re.compile(r"https?://\S+?(/[a-z-]+#token=[\w-]+)")


async def link_of_mail(shop: Shop, email: str, path: str) -> str:
    """The path and fragment of the last link to a page."""

    async def look() -> list[str]:
        found = [_LINK.search(mail["text"]) for mail in await shop.mails_to(email)]
        return [link[1] for link in found if link and link[1].startswith(path)]

    return (await until(look, bool, f"a mail with a link to {path}"))[-1]


async def test_the_link_of_the_mail_verifies_the_address(ada: Visitor, shop: Shop) -> None:
    await ada.go("/account")
    await ada.sees("Your email is not verified yet.")
    await ada.go(await link_of_mail(shop, ada.person["email"], "/verify-email"))
    await ada.sees("Your email is verified. Thank you.")
    assert "token" not in ada.page.url
    await ada.go("/account")
    await expect(ada.page.locator(".badge", has_text="verified")).to_be_visible()


async def test_a_used_link_says_what_to_do(ada: Visitor) -> None:
    await ada.go("/verify-email#token=nonsense")
    await ada.sees("This link is used up or too old. Please request another.")
    await ada.button("Send another mail").click()
    await ada.sees("A mail is on its way.")


async def test_a_forgotten_password_is_reset(ada: Visitor, shop: Shop) -> None:
    await ada.go("/forgot-password")
    await ada.page.get_by_label("Email").fill(ada.person["email"])
    await ada.button("Send the link").click()
    await ada.sees("If an account has this address")
    await ada.go(await link_of_mail(shop, ada.person["email"], "/reset-password"))
    ada.person["password"] = "another horse"
    await ada.page.get_by_label("New password").fill(ada.person["password"])
    await ada.button("Set the password").click()
    await ada.sees("The password is changed. Sign in with it.")
    await ada.page.locator("main").get_by_role("link", name="Sign in").click()
    await ada.sign_in()
    await ada.is_at("Catalog")


async def test_a_wrong_password_is_said_so(ada: Visitor) -> None:
    await ada.go("/account")
    await ada.button("Sign out").click()
    await ada.is_at("Catalog")
    await ada.go("/sign-in")
    good = ada.person["password"]
    ada.person["password"] = "not this one"
    await ada.sign_in()
    await ada.sees("Email or password is wrong.")
    ada.person["password"] = good
    await ada.sign_in()
    await ada.is_at("Catalog")
    await expect(ada.link("Orders")).to_be_visible()


async def test_fields_say_what_is_wrong_with_them(visitor: Visitor) -> None:
    await visitor.go("/sign-up")
    await visitor.page.get_by_label("Email").fill("not an address")
    await visitor.button("Create an account").click()
    await visitor.sees("Enter an email such as ada@example.com.")
    await visitor.sees("The password needs at least 8 characters")
    await expect(visitor.page.get_by_label("Given name")).to_be_focused()
    await expect(visitor.page.get_by_label("Email")).to_have_attribute("aria-invalid", "true")


async def test_an_address_in_use_is_said_so(ada: Visitor, open_window: Open) -> None:
    other = await open_window()
    other.person = ada.person
    await other.go("/sign-up")
    await other.page.get_by_label("Given name").fill("Eve")
    await other.page.get_by_label("Family name").fill("Other")
    await other.page.get_by_label("Email").fill(ada.person["email"])
    await other.page.get_by_label("Password").fill("some password")
    await other.button("Create an account").click()
    await other.sees("An account has this email already.")


async def test_a_session_is_ended_from_another_browser(ada: Visitor, open_window: Open) -> None:
    other = await open_window()
    other.person = ada.person
    await other.go("/sign-in")
    await other.sign_in()
    await other.is_at("Catalog")
    await ada.go("/account/security")
    await ada.button("Sign out there").click()
    await expect(ada.button("Sign out there")).to_have_count(0)

    async def look() -> str:
        await other.go("/orders")
        await other.settle()
        return await other.page.locator("h1").inner_text()

    with other.trouble.expecting("401"):
        await until(look, lambda found: found == "Sign in", "the other browser is signed out")


async def test_the_password_is_changed(ada: Visitor) -> None:
    await ada.go("/account/security")
    form: Any = ada.page.locator("form", has_text="Change the password")
    await form.get_by_label("Present password").fill("not this one")
    await form.get_by_label("New password").fill("another horse")
    await form.get_by_role("button").click()
    await ada.sees("The password is wrong.")
    await form.get_by_label("Present password").fill(ada.person["password"])
    await form.get_by_role("button").click()
    await ada.sees("The password is changed.")


async def test_the_profile_is_kept_and_fills_the_checkout(ada: Visitor) -> None:
    await ada.go("/account")
    form: Any = ada.page.locator("form", has_text="Date of birth")
    await form.get_by_label("Telephone").fill("not a number")
    await form.get_by_role("button", name="Save").click()
    await ada.sees("Enter a telephone number")
    await form.get_by_label("Telephone").fill("+1 555 0100")
    await form.get_by_label("Street and number").fill("1 Harbour Road")
    await form.get_by_label("City").fill("Iolcus")
    await form.get_by_label("Postal code").fill("38001")
    await form.get_by_label("Country").select_option("GR")
    await form.get_by_role("button", name="Save").click()
    await ada.sees("Saved.")
    await ada.put_in()
    await ada.go("/checkout/USD")
    await expect(ada.page.get_by_label("Street and number")).to_have_value("1 Harbour Road")
    await expect(ada.page.get_by_label("Country")).to_have_value("GR")


async def test_messages_and_preferences(ada: Visitor, shop: Shop) -> None:
    await link_of_mail(shop, ada.person["email"], "/verify-email")
    await ada.go("/account/messages")
    await ada.sees("Welcome! Please verify your email address")
    shipped = ada.page.get_by_label("An order is shipped")
    await expect(shipped).to_be_checked()
    await shipped.click()
    await ada.hears("Saved.")
    await ada.page.reload()
    await expect(shipped).to_be_visible()
    await expect(shipped).not_to_be_checked()
    await expect(ada.page.get_by_label("Reset of the password")).to_be_disabled()


async def test_a_deleted_account_is_gone(ada: Visitor) -> None:
    await ada.go("/account/security")
    await ada.button("Delete the account").click()
    await ada.button("Yes, delete my account").click()
    await ada.is_at("Catalog")
    await ada.go("/sign-in")
    await ada.sign_in()
    await ada.sees("Email or password is wrong.")
