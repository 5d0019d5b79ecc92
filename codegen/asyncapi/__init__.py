"""Generates the AsyncAPI document: the events on Kafka, their publishers and consumers.

`document` builds it from the contract's event messages and the table of facts; `base.yaml` has the rest.
`specification.json` is AsyncAPI's JSON schema, version 3.0.0, from github.com/asyncapi/spec-json-schemas (Apache-2.0),
without line breaks. `make check` validates the document with it.
"""
