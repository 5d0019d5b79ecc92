"""Lookup in an image: messages and comments by full name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from services.chassis.rpc.contract import ContractError

Json = Mapping[str, Any]

# Field numbers of FileDescriptorProto and DescriptorProto, which make up the paths of comments.
_MESSAGES, _SERVICES, _METHODS, _FIELDS, _NESTED = 4, 6, 2, 2, 3


class Image:
    """An image (a FileDescriptorSet as JSON) with its comments."""

    def __init__(self, image: Json) -> None:
        self._messages: dict[str, Json] = {}
        self._comments: dict[str, str] = {}
        self.services: dict[str, Json] = {}
        """Full name → proto service."""
        for file in image["file"]:
            comments = _comments(file)
            prefix = file.get("package", "")
            for index, service in enumerate(file.get("service", [])):
                self._take_service(f"{prefix}.{service['name']}", service, (_SERVICES, index), comments)
            for index, message in enumerate(file.get("messageType", [])):
                self._take_message(f"{prefix}.{message['name']}", message, (_MESSAGES, index), comments)

    def message(self, name: str) -> Json:
        """A message by its full name. Raises ContractError if there is none."""
        if name not in self._messages:
            raise ContractError(f"{name}: no such message")
        return self._messages[name]

    def comment(self, name: str) -> str:
        """The comment of a service, rpc, message or field, one line per paragraph. Empty if there is none."""
        return self._comments.get(name, "")

    def _take_service(self, name: str, service: Json, path: tuple[int, ...], comments: Mapping[str, str]) -> None:
        self.services[name] = service
        self._note(name, path, comments)
        for index, method in enumerate(service.get("method", [])):
            self._note(f"{name}.{method['name']}", (*path, _METHODS, index), comments)

    def _take_message(self, name: str, message: Json, path: tuple[int, ...], comments: Mapping[str, str]) -> None:
        self._messages[name] = message
        self._note(name, path, comments)
        for index, field in enumerate(message.get("field", [])):
            self._note(f"{name}.{field['name']}", (*path, _FIELDS, index), comments)
        for index, nested in enumerate(message.get("nestedType", [])):
            self._take_message(f"{name}.{nested['name']}", nested, (*path, _NESTED, index), comments)

    def _note(self, name: str, path: tuple[int, ...], comments: Mapping[str, str]) -> None:
        self._comments[name] = comments.get(str(path), "")


def _comments(file: Json) -> Mapping[str, str]:
    locations = file.get("sourceCodeInfo", {}).get("location", [])
    return {
        str(tuple(location.get("path", ()))): "\n".join(_paragraphs(location["leadingComments"]))
        for location in locations
        if "leadingComments" in location
    }


def _paragraphs(text: str) -> Iterator[str]:
    """A comment's paragraphs, each as one line."""
    for paragraph in text.replace("\n \n", "\n\n").split("\n\n"):
        joined = " ".join(paragraph.split())
        if joined:
            yield joined
