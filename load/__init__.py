"""Load on the running stack: ghz scripts, and what the chassis costs."""
