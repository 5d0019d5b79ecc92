"""Code generation (`make generate`): generates files from the contract in `proto/` and the facts of services."""
