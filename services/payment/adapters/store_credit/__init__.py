"""Store credit, a payment provider (ports.PaymentProvider) that needs no outside party: tables beside the payments.

- provider: what it answers when it is asked to take or to give back
- charges: what was asked for payments
- balances: balances and the entries that they come to (ports.Credit)
"""
