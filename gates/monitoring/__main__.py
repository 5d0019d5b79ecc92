"""`python -m gates.monitoring`: checks rules and dashboards with promtool. Part of `make check`."""

import sys

from gates.monitoring import promtool, setup
from gates.monitoring.dashboards import expressions, read
from gates.monitoring.paths import dashboard_files, rule_files


def main() -> int:
    """Entry point. Prints the findings; returns 1 if there are any."""
    if setup.main():
        return 1
    asked = [expression for path in dashboard_files() for expression in expressions(read(path))]
    problems = promtool.check_rules(rule_files()) + promtool.check_expressions(asked)
    sys.stderr.write(problems)
    print(f"{len(rule_files())} files of rules, {len(asked)} expressions in {len(dashboard_files())} dashboards")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
