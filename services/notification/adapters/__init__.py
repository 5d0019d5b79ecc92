"""The ports kept: PostgreSQL, the user service, the mail server, the texts of mails.

Adapters import the ports, the domain and the chassis; nothing of the entrypoints.
"""
