"""Faults that keep a client from sending its request, one a file."""
