"""Laptop mode: every part of Argosy as plain processes on one machine, started by one command."""
