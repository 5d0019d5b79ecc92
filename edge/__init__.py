"""The edge's process: Envoy, its configuration put together for one deployment, and its drain.

What the contract decides is in `generated/envoy/`, the rest in `envoy/`. (Not named `envoy` itself: the package that
Envoy's own wheel installs has that name.)
"""
