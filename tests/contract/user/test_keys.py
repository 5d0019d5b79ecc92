"""The key set that everybody verifies tokens by."""

from __future__ import annotations

import aiohttp
import jwt

from services.chassis.rpc.jwks import read_keys
from services.user.adapters.signing_keys import KeyFiles
from tests.contract.support import SignedIn
from tests.support.real_stack import RealStack


async def test_is_served_on_the_admin_port_and_verifies_a_token(stack: RealStack, ada: SignedIn) -> None:
    url = f"{stack.admin_url('user')}/.well-known/jwks.json"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert (response.status, response.content_type) == (200, "application/json")
        assert response.headers["Cache-Control"] == "public, max-age=300"
        document = await response.json()
    keys = read_keys(document)
    claims = jwt.decode(
        ada.token,
        keys[jwt.get_unverified_header(ada.token)["kid"]],
        algorithms=["EdDSA"],
        audience="https://api.myapp.com",
        issuer="https://argosy.local",
    )
    assert claims["sub"] == ada.id
    assert list(keys) == [key.kid for key in KeyFiles(stack.secrets.secret_directory("token-keys")).read()]
    assert all("d" not in entry for entry in document["keys"])
