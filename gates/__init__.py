"""What a change has to pass before it is merged. Tools of the developer; no other room imports them.

check         `make check`: runs all static checks, `--quick` those without tools that are built first
dependencies  packages are declared where they are imported, and none is declared without use
locks         `make lock`: makes the Python locks again; `check` compares them with what is declared
sbom          `make sbom`: what the image and the tools consist of, as CycloneDX
monitoring/   rules and dashboards, with Prometheus' own promtool
"""
