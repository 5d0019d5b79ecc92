"""The ports implemented: PostgreSQL, the order service, payment providers (a folder each), the bus.

SQL, locks and encodings stand here in the open. Adapters import the use cases' counters, the ports, the domain and the
chassis; nothing of the entrypoints.
"""
