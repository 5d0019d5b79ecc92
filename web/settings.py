"""The settings of the web server, from environment variables."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from services.chassis.process.environment import Environment, ListenAddress

ROOT = Path(__file__).resolve().parent.parent


class WebSettings(Environment):
    """One deployment of the web server."""

    host: ListenAddress = "127.0.0.1"
    """The listen address of both ports."""
    web_port: int = Field(ge=0, le=65535)
    """HTTP: the app. The edge routes to it."""
    admin_port: int = Field(ge=0, le=65535)
    """HTTP: /health, /live, /metrics."""
    web_directory: Path = ROOT / "web" / "app" / "dist"
    """The built app: index.html, and everything that it loads."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    drain_grace_seconds: float = Field(default=30, ge=0)
    """How long requests in flight may take after SIGTERM."""
    drain_settle_seconds: float = Field(default=1, ge=0)
    """How long health is NOT_SERVING before connections are refused, so that callers notice."""
