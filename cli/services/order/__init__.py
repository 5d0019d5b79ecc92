"""What an operator does about the order service."""
