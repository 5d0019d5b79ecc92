"""What an operator does about the user service."""
