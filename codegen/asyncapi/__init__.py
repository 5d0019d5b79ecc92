"""The AsyncAPI document: what travels on Kafka, who publishes it and who consumes it.

`document` puts it together from the contract's event messages and the table of facts; `base.yaml` holds what neither
says. `specification.json` is AsyncAPI's own JSON schema of version 3.0.0, from
github.com/asyncapi/spec-json-schemas (Apache-2.0), without line breaks; `make check` holds the document to it.
"""
