"""The domain of inventory, in plain Python: no I/O, no clock, no protobuf.

- products: the catalog and its prices
- stock: what is on hand and held, and each stock move
- reservations: what an order holds, was sold, or released
- facts: what happened, for other services

Modules here import each other and `chassis.plain.money`, nothing else of ours.
"""
