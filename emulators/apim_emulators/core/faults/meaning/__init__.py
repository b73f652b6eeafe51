"""Faults that a component asks for where they matter, one a file."""
