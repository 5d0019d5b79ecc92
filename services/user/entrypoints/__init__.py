"""How the world comes in: gRPC, the key set over HTTP, and periodic work.

Entrypoints turn what arrives into commands and what use cases answer into protobuf. They decide nothing.
"""
