"""The security headers of the app's responses.

A page may load nothing from other hosts, run no inline script or style, and be in no frame. Customers return here from
their bank, and from mails, with a secret in the URL, so no referrer is sent.
"""

from __future__ import annotations

from collections.abc import Mapping

REPORTS = "/csp-reports"
"""Where browsers report violations of the policy."""

# Not `report-to`: browsers then ignore `report-uri`, and send nothing where the page comes over plain HTTP.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        f"report-uri {REPORTS}",
    )
)
_NOT_USED = ("camera", "display-capture", "geolocation", "microphone", "payment", "publickey-credentials-get", "usb")

EVERY_FILE: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
EVERY_PAGE: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _NOT_USED),
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
