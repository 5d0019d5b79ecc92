"""The files of /openapi.json, /asyncapi.json and /docs: both documents, our pages, and Swagger UI from its package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import swagger_ui_bundle

from edge.settings import ROOT

_PAGE = ROOT / "envoy" / "docs"
_SWAGGER_UI = Path(str(swagger_ui_bundle.swagger_ui_path))


def files() -> Mapping[str, str]:
    """Name in `envoy/root_routes.yaml` → path of the file."""
    return {
        "openapi": str(ROOT / "generated" / "openapi" / "openapi.json"),
        "asyncapi": str(ROOT / "generated" / "asyncapi" / "asyncapi.json"),
        "docs_page": str(_PAGE / "index.html"),
        "docs_events": str(_PAGE / "events.html"),
        "docs_events_js": str(_PAGE / "events.js"),
        "docs_page_css": str(_PAGE / "page.css"),
        "docs_start_js": str(_PAGE / "start.js"),
        "swagger_ui_css": str(_SWAGGER_UI / "swagger-ui.css"),
        "swagger_ui_js": str(_SWAGGER_UI / "swagger-ui-bundle.js"),
    }
