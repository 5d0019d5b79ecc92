"""Entry point. It must parse on any Python 3, so that an old one prints this message instead of a syntax error."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit("Argosy needs Python 3.11 or later: install one, or select one: make PYTHON=python3.12 setup")

from local.setup.run import main

sys.exit(main())
