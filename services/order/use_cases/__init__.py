"""What the order service does, one use case a file: a command, its handler, and the errors that it raises.

Use cases import the domain, the ports and the chassis' plain modules. They know no protobuf, gRPC, document store or
driver. `journal.py` is the part that they share: it reads an order's history and appends to it.
"""
