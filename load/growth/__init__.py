"""Fills a running stack with copies of real purchases: `python -m load.growth --orders 1000000`.

A customer buys through the edge. What this leaves in all stores is copied, with ids of its own and at earlier times,
spread over ninety days, each copy for a customer of its own; the last tenth is of the first one. So rows and documents
are those that the services write. Stripe knows nothing of the copies, and no mail was sent for them.

Nothing else may use the stack meanwhile, and nothing should later but measurements: reconciliation finds the copies.
`copies.py` says which copies there are, `rows.py` writes them into PostgreSQL, `documents.py` into MongoDB.
"""
