"""How the world comes in: gRPC, webhooks, events, periodic work.

Entrypoints turn what arrives into commands and what use cases answer into protobuf. They decide nothing.
"""
