"""The domain of the user service, in plain Python: no I/O, no clock, no protobuf.

- people: names and mail addresses, and when two addresses are the same
- profiles: optional data of a user
- accounts: the status of an account, who may read and change it, and the effect of a change
- sessions: sign-ins whose token is valid
- sign_in: who may sign in
- limits: how many failed sign-ins and requested mails are allowed
- mail_requests: requests for mailed tokens
- signing_keys: which key signs tokens, and when a key may be deleted
- facts: what happened, for other services

Modules here import each other and `chassis.plain.money`, nothing else of ours.
"""
