"""What the inventory service does, one use case a file."""
