"""What the user service does, one use case a file."""
