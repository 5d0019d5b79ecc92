"""What the order service decides about, in plain Python: no I/O, no clock, no protobuf.

- orders: what an order is, and the states it goes through
- facts: what happened to an order, for others to know
- history: the commits of facts that an order consists of
- moves: who may see, list and move orders, and what a move makes happen

Modules here import each other and `chassis.plain.money`, nothing else of ours.
"""
