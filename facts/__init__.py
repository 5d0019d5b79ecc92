"""The table of facts: what deployment needs to know of each service, and what the contract says about them together.

`service` reads `services/<name>/service.yaml`; `system` puts all of them beside the contract. Code generation, the
laptop, the checks and the tests read both through this package, and list no services of their own.
"""
