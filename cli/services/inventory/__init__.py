"""Commands about inventory."""
