"""Drives the emulators: worlds, clusters, the reference gateway, scenarios, insight and the command line."""

__version__ = "0.1.0"
