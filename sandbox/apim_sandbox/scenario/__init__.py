"""Failures by cause: one YAML file a scenario, run in virtual time, with its explanation checked."""
