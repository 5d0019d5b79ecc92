"""People: names and mail addresses of accounts."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.chassis.plain import text


class InvalidPerson(Exception):
    """A name is not valid; `violations` has the field and what is valid."""

    def __init__(self, violations: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{field}: {description}" for field, description in violations))
        self.violations = violations


@dataclass(frozen=True)
class Person:
    """The owner of an account, as entered, without surrounding blanks."""

    email: str = field(repr=False)
    first_name: str = field(repr=False)
    last_name: str = field(repr=False)

    @property
    def address_key(self) -> str:
        """The form by which addresses are compared."""
        return address_key(self.email)

    @property
    def full_name(self) -> str:
        """The name in mails."""
        return f"{self.first_name} {self.last_name}"


def new_person(email: str, first_name: str, last_name: str) -> Person:
    """The owner of a new account. The contract has already checked the form of the address.

    Raises:
        InvalidPerson: a name has no visible character, or has control characters (a line break in a name would be a
            line break in the headers of a mail), hidden ones, or what a mail client makes a link of: names are mailed.
    """
    person = Person(email.strip(), first_name.strip(), last_name.strip())
    names = {"firstName": person.first_name, "lastName": person.last_name}
    violations = [(name, problem) for name, value in names.items() if (problem := _name_problem(value)) is not None]
    if violations:
        raise InvalidPerson(violations)
    return person


def address_key(email: str) -> str:
    """The normalized form of an address: ASCII letters in lower case, no surrounding blanks.

    Letters beyond ASCII stay as they are: the database (collation "C") folds the same letters.
    """
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in email.strip())


def _name_problem(name: str) -> str | None:
    if text.is_blank(name):
        return "must not be blank"
    if any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in name):
        return "must not contain control characters or line breaks"
    if text.hides_characters(name):
        return "must not contain characters that nobody sees"
    if text.looks_like_link(name):
        return "must not contain what looks like a link; write a space after a dot"
    return None
