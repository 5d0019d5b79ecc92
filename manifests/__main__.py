"""`python -m manifests`: checks all cluster manifests. Part of `make check`."""

import sys

from manifests import fit, lint, schemas, setup
from manifests.builds import WHOLE, BuildFailed, Manifest, all_builds, manifests
from manifests.installation import installed


def main() -> int:
    """Entry point. Prints every problem; returns 1 if there are any."""
    if setup.main():
        return 1
    try:
        builds = {name: manifests(text) for name, text in all_builds().items()}
    except BuildFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    # Most manifests are in several builds, and equal.
    different = {repr(one): one for objects in builds.values() for one in objects}
    found = sorted({problem for one in different.values() for problem in _problems(one)})
    found += [f"{name}: {problem}" for name in WHOLE for problem in fit.problems(builds[name], installed())]
    for problem in found:
        print(problem, file=sys.stderr)
    print(f"{len(different)} manifests in {len(builds)} builds, {len(found)} problems")
    return 1 if found else 0


def _problems(manifest: Manifest) -> list[str]:
    name = f"{manifest['kind']}/{manifest['metadata']['name']}"
    return [f"{name}: {problem}" for judge in (schemas, lint) for problem in judge.problems(manifest)]


if __name__ == "__main__":
    sys.exit(main())
