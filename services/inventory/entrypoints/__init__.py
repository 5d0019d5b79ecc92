"""Entry points: gRPC, events, periodic work, and seeding the catalog.

They convert requests and events into commands, and results into protobuf. They decide nothing.
"""
