"""Entry points: gRPC, the key set over HTTP, and periodic work.

They convert requests into commands, and results into protobuf. They decide nothing.
"""
