"""A laptop's stores and parties, every service and the edge out of the image. `make image-test` builds it first."""

from collections.abc import Iterator

import pytest

from local.commands.down import down
from local.commands.up import up
from local.image.__main__ import image_stack
from local.image.build import missing
from local.image.layout import IMAGE_LAYOUT
from local.stack import Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """All of it is up: each part has answered its health check."""
    if lacks := list(missing()):
        pytest.exit("\n".join(lacks), 2)
    found = image_stack()
    try:
        assert up(found, (), (), IMAGE_LAYOUT) == 0
        yield found
    finally:
        assert down(found, IMAGE_LAYOUT) == 0, "something goes on running"
