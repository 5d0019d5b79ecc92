"""The laptop's mail: takes every message by SMTP, delivers none, and lets one read them over HTTP."""
