"""The ports kept: PostgreSQL, the order service, the bus. SQL, locks and encodings stand here in the open.

Adapters import the ports, the domain and the chassis; nothing of the entrypoints.
"""
