"""Checks monitoring/, rules and dashboards, with Prometheus' own promtool.

__main__    `python -m gates.monitoring`: part of `make check`
setup       builds promtool, once
promtool    runs it
figures     the metrics that expressions name
dashboards  the expressions of dashboards
"""
