"""Implementations of the ports: PostgreSQL, bcrypt, key files, JWTs, the bus. SQL, locks and encodings are here.

Adapters import the ports, the domain and the chassis; nothing of the entrypoints.
"""
