"""The notification service: sends users messages about events, once per event and channel."""
