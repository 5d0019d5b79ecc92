"""Names in every spelling that code needs, from the one that a person types."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass

_SERVICE = re.compile(r"[a-z]{2,30}")
_NOUN = re.compile(r"[a-z]+(_[a-z]+)*")
_RPC = re.compile(r"[A-Z][a-z]+([A-Z][a-z]+)+")
_EVENT = re.compile(r"[A-Z]+(_[A-Z]+)+")
_TAKEN = frozenset(
    {
        # Packages of the contract, folders and programs that are no service.
        *("chassis", "event", "policy", "reconciliation", "services", "tests", "support"),
        # Parts of a stack, and names in the mesh.
        *("edge", "postgres", "ferretdb", "kafka", "stripe", "mail", "smtp", "traces", "commands"),
        *("istiod", "prometheus", "ratelimit", "nodes", "argosy", "nobody"),
    }
)


class BadName(ValueError):
    """A name cannot be used; the text says which, and what would be right."""


@dataclass(frozen=True)
class Noun:
    """What a service keeps or makes, in the singular: `gift_card`."""

    snake: str

    @property
    def camel(self) -> str:
        """As a class: `GiftCard`."""
        return camel(self.snake)

    @property
    def plural(self) -> str:
        """As a table or a list: `gift_cards`."""
        return plural(self.snake)

    @property
    def route(self) -> str:
        """Where it is over REST: `/api/v1/gift-cards`."""
        return f"/api/v1/{self.plural.replace('_', '-')}"

    def spellings(self) -> dict[str, str]:
        """What templates call it."""
        words = self.snake.replace("_", " ")
        many = self.plural.replace("_", " ")
        return {
            "noun": self.snake,
            "nouns": self.plural,
            "Noun": self.camel,
            "Nouns": camel(self.plural),
            "NOUN": self.snake.upper(),
            "word": words,
            "words": many,
            "Words": many[0].upper() + many[1:],
            "route": self.route,
        }


def service(name: str) -> str:
    """A service's name. Raises BadName."""
    if not _SERVICE.fullmatch(name) or keyword.iskeyword(name):
        raise BadName(f"NAME must be one word of 2 to 30 small letters, and no word of Python's: not {name!r}")
    if name in _TAKEN:
        raise BadName(f"NAME must not be {name!r}: something else has this name")
    return name


def noun(name: str) -> Noun:
    """What a service keeps. Raises BadName."""
    if not _NOUN.fullmatch(name) or keyword.iskeyword(name):
        raise BadName(f"--noun must be words of small letters with _ between, in the singular: not {name!r}")
    return Noun(name)


def event(name: str) -> str:
    """An event's type. Raises BadName."""
    if not _EVENT.fullmatch(name):
        raise BadName(f"an event is named for what happened, such as SHIPMENT_CREATED: not {name!r}")
    return name


def rpc(name: str) -> str:
    """An rpc's name. Raises BadName."""
    if not _RPC.fullmatch(name):
        raise BadName(f"RPC must be a verb and what it is about, such as CancelShipment: not {name!r}")
    return name


def guess_noun(service_name: str, published: list[str]) -> Noun:
    """What a service keeps, from what it publishes (SHIPMENT_CREATED: a shipment), else from its own name."""
    if published:
        return Noun("_".join(published[0].lower().split("_")[:-1]))
    return Noun(service_name.removesuffix("s") if not service_name.endswith("ss") else service_name)


def camel(snake: str) -> str:
    """`gift_card` as `GiftCard`; `ORDER_CREATED` as `OrderCreated`."""
    return "".join(word.capitalize() for word in snake.split("_"))


def snake(name: str) -> str:
    """`CancelShipment` as `cancel_shipment`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def plural(word: str) -> str:
    """`gift_card` as `gift_cards`, `entry` as `entries`."""
    if re.search(r"[^aeiou]y$", word):
        return f"{word[:-1]}ies"
    return f"{word}es" if re.search(r"(s|x|z|ch|sh)$", word) else f"{word}s"


def words(name: str) -> str:
    """`SHIPMENT_CREATED` as a sentence: "A shipment was created."."""
    *about, happened = name.lower().split("_")
    article = "An" if about[0][0] in "aeiou" else "A"
    return f"{article} {' '.join(about)} was {happened}."
