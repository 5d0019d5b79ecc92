"""Runs promtool. Each function returns its findings; an empty text means none."""

import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from gates.monitoring.paths import PROMTOOL


def check_rules(files: Sequence[Path]) -> str:
    """Check that the rules are valid, well named and not duplicated."""
    return _ask("check", "rules", "--lint=all", "--lint-fatal", *map(str, files))


def try_rules(files: Sequence[Path]) -> str:
    """Run the unit tests of rules."""
    return _ask("test", "rules", *map(str, files))


def check_expressions(expressions: Iterable[str]) -> str:
    """Check that the expressions are valid PromQL."""
    rules = [{"record": f"an_expression:{number}", "expr": text} for number, text in enumerate(expressions)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "expressions.yaml")
        file.write_text(yaml.safe_dump({"groups": [{"name": "expressions", "rules": rules}]}), encoding="utf-8")
        return _ask("check", "rules", "--lint=none", str(file))


def _ask(*arguments: str) -> str:
    done = subprocess.run([str(PROMTOOL), *arguments], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr
