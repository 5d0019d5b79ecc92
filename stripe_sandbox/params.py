"""Reads an endpoint's parameters from a decoded form; its errors name missing, unknown or invalid ones as Stripe does.

An endpoint reads its parameters by name and then calls `done`, which rejects all others.
"""

import re
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from stripe_sandbox import form
from stripe_sandbox.errors import invalid_parameter, missing_parameter, unknown_parameter
from stripe_sandbox.form import Tree

_LONGEST_TEXT = 5_000
_INTEGER = re.compile(r"-?[0-9]{1,18}")

# https://docs.stripe.com/api/metadata
_MOST_METADATA = 50
_LONGEST_METADATA_KEY = 40
_LONGEST_METADATA_VALUE = 500


class Params:
    """One level of the tree. Every reader raises StripeError (400) that names the parameter in Stripe's notation."""

    def __init__(self, tree: Mapping[str, Tree], parent: str = "") -> None:
        self._left = dict(tree)
        self._parent = parent

    def text(self, name: str) -> str | None:
        """A text of up to 5,000 characters. An empty value means "unset", which no parameter here supports."""
        value = self._left.pop(name, None)
        if value is None:
            return None
        if not isinstance(value, str):
            raise invalid_parameter(self._path(name), f"Invalid string: {self._path(name)}")
        if not value:
            raise invalid_parameter(
                self._path(name),
                f"You passed an empty string for '{self._path(name)}'. Leave the parameter out instead.",
                "parameter_invalid_empty",
            )
        if len(value) > _LONGEST_TEXT or "\0" in value:
            raise invalid_parameter(self._path(name), f"Invalid string: at most {_LONGEST_TEXT} characters, none NUL")
        return value

    def required_text(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise missing_parameter(self._path(name))
        return value

    def integer(self, name: str, *, least: int, most: int) -> int | None:
        """A decimal integer within the bounds, both inclusive."""
        text = self.text(name)
        if text is None:
            return None
        if not _INTEGER.fullmatch(text):
            raise invalid_parameter(self._path(name), f"Invalid integer: {text[:50]}", "parameter_invalid_integer")
        value = int(text)
        if not least <= value <= most:
            raise invalid_parameter(
                self._path(name), f"This value must be from {least} to {most}.", "parameter_invalid_integer"
            )
        return value

    def flag(self, name: str) -> bool:
        """`true` or `false`; false if missing."""
        return self.choice(name, ("true", "false")) == "true"

    def choice(self, name: str, options: Collection[str]) -> str | None:
        value = self.text(name)
        if value is not None and value not in options:
            raise invalid_parameter(
                self._path(name), f"Invalid {self._path(name)}: must be one of {', '.join(sorted(options))}"
            )
        return value

    def url(self, name: str) -> str | None:
        """An absolute http or https address."""
        value = self.text(name)
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in ("http", "https") or not parts.netloc:
                raise invalid_parameter(self._path(name), "Not a valid URL", "url_invalid")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; empty if missing."""
        tree = self._left.pop(name, None)
        if tree is None:
            return ()
        try:
            values = form.items_of(tree)
        except form.MalformedForm as error:
            raise invalid_parameter(self._path(name), f"Invalid array: {self._path(name)}") from error
        inner = Params({str(index): value for index, value in enumerate(values)}, self._path(name))
        return tuple(inner.required_text(str(index)) for index in range(len(values)))

    def nested(self, name: str) -> "Params | None":
        tree = self._left.pop(name, None)
        if tree is None:
            return None
        if not isinstance(tree, dict):
            raise invalid_parameter(self._path(name), f"Invalid object: {self._path(name)}")
        return Params(tree, self._path(name))

    def metadata(self) -> dict[str, str]:
        """Up to 50 keys of 40 characters with values of 500. Entries with an empty value are dropped, as at Stripe."""
        tree = self._left.pop("metadata", {})
        if not isinstance(tree, dict):
            raise invalid_parameter("metadata", "Invalid object: metadata")
        if len(tree) > _MOST_METADATA:
            raise invalid_parameter("metadata", f"You can have at most {_MOST_METADATA} metadata keys.")
        values = {key: _metadata_value(key, value) for key, value in tree.items()}
        return {key: value for key, value in values.items() if value}

    def done(self) -> None:
        """Reject parameters that were not read."""
        for name in self._left:
            raise unknown_parameter(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._parent}[{name}]" if self._parent else name


def _metadata_value(key: str, value: Tree) -> str:
    if len(key) > _LONGEST_METADATA_KEY:
        raise invalid_parameter("metadata", f"Metadata keys can be up to {_LONGEST_METADATA_KEY} characters long.")
    if not isinstance(value, str) or len(value) > _LONGEST_METADATA_VALUE:
        raise invalid_parameter(
            f"metadata[{key}]", f"Metadata values can be texts of up to {_LONGEST_METADATA_VALUE} characters."
        )
    return value
