"""The OpenAPI document of the REST face: paths, schemas and rules from the contract, the rest from `base.yaml`."""
