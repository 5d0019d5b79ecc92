"""Where the contract, what it imports and what is derived from it live."""

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
THIRD_PARTY = ROOT / "third_party" / "proto"
GENERATED = ROOT / "generated"
RELEASES = PROTO / "releases"


def tool(name: str) -> Path:
    """A tool of the running Python's environment, such as `buf`.

    Raises FileNotFoundError when the environment lacks it.
    """
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        raise FileNotFoundError(f"{name} is missing beside {sys.executable}: run `make setup`")
    return Path(found)
