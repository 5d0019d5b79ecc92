"""Paths. Standard library only: set-up imports this before anything is installed."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
PYTHON = BIN / "python"
KAFKA_JARS = VENV / "share" / "kafka"
STACKS = ROOT / ".local"
