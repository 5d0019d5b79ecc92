"""The key set over HTTP."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from aiohttp.test_utils import make_mocked_request

from services.user.adapters.signing_keys import KeyRing
from services.user.entrypoints.jwks import PATH, jwks_endpoint


async def test_callers_come_back_until_the_keys_are_read(tmp_path: Path) -> None:
    keys = KeyRing(tmp_path, timedelta(minutes=15))
    answer = jwks_endpoint(keys)
    early = await answer(make_mocked_request("GET", PATH))
    assert (early.status, early.headers["Retry-After"]) == (503, "1")
    await keys.start()
    response = await answer(make_mocked_request("GET", PATH))
    assert (response.status, response.content_type) == (200, "application/json")
    assert response.headers["Cache-Control"] == "public, max-age=300"
    assert isinstance(response.body, bytes)
    assert len(json.loads(response.body)["keys"]) == 1
