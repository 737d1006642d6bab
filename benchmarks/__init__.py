"""Measured speed of the engine: every number in the documentation comes from a command here."""
