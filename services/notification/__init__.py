"""The notification service: writes to people about what happened, once an event and channel."""
