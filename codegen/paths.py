"""The paths of the contract, its imports and the generated files."""

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
THIRD_PARTY = ROOT / "third_party" / "proto"
GENERATED = ROOT / "generated"
RELEASES = PROTO / "releases"


def tool(name: str) -> Path:
    """The path of a tool in the running Python's environment, such as `buf`.

    Raises FileNotFoundError if it is missing.
    """
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        raise FileNotFoundError(f"there is no {name} in the directory of {sys.executable}: run `make setup`")
    return Path(found)
