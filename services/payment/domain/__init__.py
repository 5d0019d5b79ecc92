"""What payment decides about, in plain Python: no I/O, no clock, no protobuf, no provider's words.

- orders: what paying for an order needs to know of it
- payments: one attempt of a person to pay; its states
- charges: what a provider answers about a payment
- outcomes: what such an answer makes of a payment
- schedule: what is to be done about a payment next, and when
- refunds, giving_back: money that goes back, ordered by staff or because the order ended
- disputes: money that customers claim back through their banks
- ledger: lines of the books
- keys: idempotency keys that the provider is asked with
- notices: what a provider reports by itself (webhooks)
- answers: what callers get, and what is kept for repeats
- failures: codes of failures and their sentences for customers
- facts: what happened, for others to know

Modules here import each other and `chassis.plain.money`, nothing else of ours.
"""
