"""Laptop mode: every real part of Argosy as plain processes on one machine, by one command."""
