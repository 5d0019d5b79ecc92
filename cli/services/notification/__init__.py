"""What an operator does about the notification service."""
