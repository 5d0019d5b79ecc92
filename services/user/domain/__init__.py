"""What the user service decides about, in plain Python: no I/O, no clock, no protobuf.

- people: who an account is for, and when two mail addresses are the same
- profiles: what a person states about themself
- accounts: the status of an account, who may read and change it, and what a change does
- sessions: sign-ins that are still good
- sign_in: who may sign in
- limits: how many failed sign-ins and requested mails are allowed
- mail_requests: what a mailed token is good for
- signing_keys: which key signs tokens, and when a key may be deleted
- facts: what happened, for others to know

Modules here import each other and `chassis.money`, nothing else of ours.
"""
