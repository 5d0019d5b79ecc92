"""The laptop's stack with services and edge running in the image: they see its content and their keys only."""

import os
import shlex
from dataclasses import replace

from facts import service
from local import credentials, topology
from local.credentials import Credentials
from local.files import make_private_directory, write_private
from local.image.build import inside
from local.layout import Layout
from local.part import Part
from local.ports import SERVICES
from local.stack import Stack
from local.supervisor_config import MARK

KEYS = "/keys"
"""Where the image expects the keys of a deployment; compose.yaml mounts them there too."""
USER = 10001
_SETTINGS = "settings"
_KEEPERS = tuple(one.name for one in service.read() if one.secret_directories)
"""Services that may write to their key directory: one creates the signing keys of user tokens."""
# Settings are passed in a file: every user can read a command line. Envoy opens /dev/stderr, which container runtimes
# give to the image's user. Here it belongs to root, so output goes through a pipe that the user owns.
# The started program stays a child of the buildah process that ends with it.
_START = '. "$0" && exec "$@" > >(cat) 2>&1'


def parts(stack: Stack, secrets: Credentials) -> tuple[Part, ...]:
    """Every part; those whose program the image contains run in it."""
    return tuple(_inside(stack, part) if _in_the_image(part) else part for part in topology.parts(stack, secrets))


def _in_the_image(part: Part) -> bool:
    return part.name in (*SERVICES, "edge", "web")


def _inside(stack: Stack, part: Part) -> Part:
    _python, *module = part.command
    access = "rw" if part.name in _KEEPERS else "ro"
    start = ("bash", "-c", _START, f"{KEYS}/{_SETTINGS}/{part.name}", "python", *module)
    return replace(part, command=tuple(inside(*start, volume=f"{stack.secrets}:{KEYS}:{access}")), environment={})


def _prepare(stack: Stack) -> None:
    """Write each part's settings to a file, and give the files and keys to the image's user."""
    directory = make_private_directory(stack.secrets / _SETTINGS)
    for part in filter(_in_the_image, topology.parts(stack, credentials.read(stack.secrets))):
        settings = {**part.environment, MARK: str(stack.data)}
        values = ((name, value.replace(str(stack.secrets), KEYS)) for name, value in settings.items())
        lines = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values)
        write_private(directory / part.name, lines)
    for path in (stack.secrets, *stack.secrets.rglob("*")):
        os.chown(path, USER, USER)


def _where(stack: Stack) -> str:
    return f"\nThe image is up: {stack.url('edge')}; stop it with: python -m local.image down"


IMAGE_LAYOUT = Layout(parts, _where, _prepare)
