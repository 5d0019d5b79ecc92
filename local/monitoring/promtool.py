"""promtool's judgement. What it finds is given back as it says it; nothing means that all is well."""

import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from local.monitoring.paths import PROMTOOL


def check_rules(files: Sequence[Path]) -> str:
    """Whether the rules are well-formed, named well and not there twice."""
    return _ask("check", "rules", "--lint=all", "--lint-fatal", *map(str, files))


def try_rules(files: Sequence[Path]) -> str:
    """Whether rules say of made-up figures what they should."""
    return _ask("test", "rules", *map(str, files))


def check_expressions(expressions: Iterable[str]) -> str:
    """Whether these are expressions at all."""
    rules = [{"record": f"an_expression:{number}", "expr": text} for number, text in enumerate(expressions)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "expressions.yaml")
        file.write_text(yaml.safe_dump({"groups": [{"name": "expressions", "rules": rules}]}), encoding="utf-8")
        return _ask("check", "rules", "--lint=none", str(file))


def _ask(*arguments: str) -> str:
    done = subprocess.run([str(PROMTOOL), *arguments], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr
