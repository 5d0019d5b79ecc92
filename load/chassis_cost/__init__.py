"""The cost of the chassis per call: the real user service against a bare handler, same query, same calls, in turn."""
