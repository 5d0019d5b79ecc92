"""The commands of `python -m local`, one per file. Each takes a stack and returns the exit code."""
