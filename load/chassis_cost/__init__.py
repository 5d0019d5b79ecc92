"""What the chassis costs a call: the real user service beside a bare handler, same query, same calls, in turn."""
