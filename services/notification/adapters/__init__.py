"""Implementations of the ports: PostgreSQL, the user service, the mail server, mail templates.

Adapters import the ports, the domain and the chassis; nothing of the entrypoints.
"""
