"""What inventory decides about, in plain Python: no I/O, no clock, no protobuf.

- products: the catalog and its prices
- stock: what is on hand and held, and each move of it
- reservations: what an order holds, was sold, or gave back
- facts: what happened, for others to know

Modules here import each other and `chassis.money`, nothing else of ours.
"""
