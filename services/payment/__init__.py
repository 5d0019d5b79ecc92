"""Payments: paying for orders through Stripe, refunding them, and the books of both."""
