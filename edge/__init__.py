"""The edge's process: renders Envoy's configuration for one deployment, runs Envoy, and drains it.

`generated/envoy/` has the configuration that is generated from the contract, `envoy/` the rest. The package is not
named `envoy`, because Envoy's wheel installs a package of that name.
"""
