"""Faults between a client and an emulator, one a file."""
