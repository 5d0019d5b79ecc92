"""Stripe, a payment provider (ports.PaymentProvider). The one folder that knows it.

- client: what Stripe is asked, and what its failures mean
- mapping: its JSON → the domain
- words: its words ↔ ours
- units: the unit that it counts a currency in
- webhooks: its signed webhooks → notices
"""
