"""The commands of `python -m local`, one a file. Each takes a stack and returns the exit code."""
