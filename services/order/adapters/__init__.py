"""The ports kept: the document store, inventory and payment, the bus. Queries and encodings are here.

Adapters import the ports, the domain and the chassis; nothing of the entrypoints.
"""
