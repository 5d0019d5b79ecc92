"""What judges monitoring/: rules and dashboards, by Prometheus' own promtool.

__main__    `python -m local.monitoring`: part of `make check`
setup       builds promtool, once
promtool    asks it
figures     the figures that expressions name
dashboards  the expressions of dashboards
"""
