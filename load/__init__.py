"""Load on the running stack: ghz scripts, and a benchmark of the chassis."""
