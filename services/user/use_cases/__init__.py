"""Use cases of the user service, one per file: a command, its handler, and the errors that it raises.

Use cases import the domain, the ports and the chassis' plain modules. They know no protobuf, gRPC, SQL or driver.
"""
