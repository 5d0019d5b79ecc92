"""Generates the OpenAPI document: paths, schemas and rules from the contract, the rest from `base.yaml`."""
