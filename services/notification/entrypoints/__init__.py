"""Entry points: gRPC, events, periodic work.

They convert requests and events into commands, and results into protobuf. They decide nothing.
"""
