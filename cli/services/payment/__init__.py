"""What an operator does about the payment service."""
