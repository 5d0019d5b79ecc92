"""The laptop's mail sink: accepts every message by SMTP, delivers none, and serves them over HTTP."""
