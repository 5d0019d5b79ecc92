"""Orders: placing them, moving them along, and everything that happened to them."""
