"""A client of the mesh's public address, https://api.myapp.com, at this machine's gateway."""

import ssl

import httpx

from local.stack import Stack
from mesh.certificates import gateway_certificate
from mesh.pods import GATEWAY, GATEWAY_HOST, GATEWAY_HTTPS

_CALL_SECONDS = 30


def door(stack: Stack) -> httpx.Client:
    """An HTTP client of the API through the gateway. It trusts only the gateway's certificate."""
    trust = ssl.create_default_context(cafile=str(gateway_certificate(stack.secrets).authority))
    return httpx.Client(
        base_url=f"https://{GATEWAY.address(stack)}:{GATEWAY_HTTPS}/api/v1",
        headers={"Host": GATEWAY_HOST},
        verify=trust,
        timeout=_CALL_SECONDS,
        trust_env=False,
        event_hooks={"request": [_name_the_host]},
    )


def _name_the_host(request: httpx.Request) -> None:
    """Connect to the address but use the public name in TLS, because there is no DNS entry."""
    if request.url.port == GATEWAY_HTTPS:
        request.extensions["sni_hostname"] = GATEWAY_HOST
