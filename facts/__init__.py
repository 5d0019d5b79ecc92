"""The table of facts: the deployment data of each service, combined with the contract.

`service` reads `services/<name>/service.yaml`; `system` combines all of them with the contract. Code generation, the
laptop's stack, checks and tests use this package; they must not contain lists of services.
"""
