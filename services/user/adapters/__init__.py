"""The ports kept: PostgreSQL, bcrypt, key files, JWTs, the bus. SQL, locks and encodings stand here in the open.

Adapters import the ports, the domain and the chassis; nothing of the entrypoints.
"""
